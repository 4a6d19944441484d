// RUN: split-file %s %t
// RUN: not qopt %t/nan.mlir --rtn-quantize 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not qopt %t/ok.mlir --rtn-quantize="bits=9" 2>&1 | FileCheck %s --check-prefix=BITS
// RUN: not qopt %t/ok.mlir --gptq-quantize="order=random" 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: not qopt %t/ok.mlir --gptq-quantize="block=0" 2>&1 | FileCheck %s --check-prefix=BLOCK
// RUN: not qopt %t/ok.mlir --gptq-quantize="text=nothing.txt" 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not qopt %t/ok.mlir --gptq-quantize="stats=nothing.safetensors" 2>&1 | FileCheck %s --check-prefix=STATS
// RUN: not qopt %t/ok.mlir --hessian-calibrate 2>&1 | FileCheck %s --check-prefix=NAMED
// RUN: not qopt %t/ok.mlir --hessian-calibrate="stats=%t/s" 2>&1 | FileCheck %s --check-prefix=MODEL
// RUN: not qopt %t/ok.mlir --pack-weights="target=abacus" 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not qopt %t/ok.mlir --pack-weights="layout=#qopt.gguf<q4_0>" 2>&1 | FileCheck %s --check-prefix=LAYOUT
// RUN: not qopt %t/missing.mlir --rtn-quantize -o %t/out.mlir 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not ls %t/out.mlir %t/out.weights.safetensors
// RUN: cp %models/novella-7m/model.safetensors %t/model.safetensors
// RUN: not qopt %t/tensor.mlir --rtn-quantize -o %t/out.mlir 2>&1 | FileCheck %s --check-prefix=TENSOR
// RUN: not qopt %t/tensor.mlir --lower-qopt-to-linalg 2>&1 | FileCheck %s --check-prefix=TENSOR

// Errors of a weight stand at it.
// NAN: nan.mlir:{{[0-9]+}}:1: error: @w: weight [0, 1] is nan
// BITS: error: {{.*}}2 to 8
// ORDER: error: gptq-quantize: order is none, act or group, not 'random'
// BLOCK: error: gptq-quantize: block must be at least 1
// TEXT: error: a text was given, but the module has no llm.entry
// STATS: error: {{.*}}nothing.safetensors
// NAMED: error: hessian-calibrate: name the file to write with stats=PATH
// MODEL: error: the module has no llm.entry
// TARGET: error: pack-weights: target is cpu or nvptx, not 'abacus'
// LAYOUT: error: pack-weights: '#qopt.gguf<q4_0>' is not a layout
// MISSING: error: {{.*}}nowhere.safetensors
// TENSOR: tensor.mlir:2:3: error: {{.*}}model.safetensors: has no tensor 'of.nobody'
// TENSOR-NOT: see current operation

//--- ok.mlir
ml_program.global private @w(dense<1.0> : tensor<2x8xf32>) : tensor<2x8xf32>
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x2xf32> {
  %w = ml_program.global_load_const @w : tensor<2x8xf32>
  %y = qopt.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

//--- nan.mlir
ml_program.global private @w(dense<[[1.0, 0x7FC00000], [2.0, 3.0]]> : tensor<2x2xf32>) : tensor<2x2xf32>
func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = ml_program.global_load_const @w : tensor<2x2xf32>
  %y = qopt.linear %x, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

//--- tensor.mlir
module attributes {qopt.sources = {ckpt = #qopt.file<"model.safetensors">}} {
  ml_program.global private @w(#qopt.extern<ckpt, "of.nobody">) : tensor<2x8xf32>
  func.func @f(%x: tensor<?x8xf32>) -> tensor<?x2xf32> {
    %w = ml_program.global_load_const @w : tensor<2x8xf32>
    %y = qopt.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}

//--- missing.mlir
module attributes {qopt.sources = {ckpt = #qopt.file<"nowhere.safetensors">}} {
  ml_program.global private @w(#qopt.extern<ckpt, "w">) : tensor<2x8xf32>
  func.func @f(%x: tensor<?x8xf32>) -> tensor<?x2xf32> {
    %w = ml_program.global_load_const @w : tensor<2x8xf32>
    %y = qopt.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}
