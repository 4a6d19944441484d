// The stock mlir-opt runs every pass of qopt through the plugin, and writes what
// qopt writes.
// RUN: rm -rf %t && mkdir %t
// RUN: %python -B %S/Inputs/every_pass.py %plugin %source/docs/reference %s %t | FileCheck %s
// CHECK-DAG: assign-types: ok
// CHECK-DAG: convert-linear-to-cpu: ok
// CHECK-DAG: convert-linear-to-gpu: ok
// CHECK-DAG: gguf-pack: ok
// CHECK-DAG: gguf-quantize: ok
// CHECK-DAG: gptq-quantize: ok
// CHECK-DAG: hessian-calibrate: ok
// CHECK-DAG: lower-cpu-kernels: ok
// CHECK-DAG: lower-to-llvm-cpu: ok
// CHECK-DAG: lower-to-nvptx: ok
// CHECK-DAG: pack-weights: ok
// CHECK-DAG: sort-columns: ok
// CHECK-DAG: rtn-quantize: ok

// Types and attributes are read by the dialect, and options by the passes.
// RUN: not mlir-opt %s --load-pass-plugin=%plugin --pass-pipeline='builtin.module(rtn-quantize{bits=9})' --load-dialect-plugin=%plugin 2>&1 | FileCheck %s --check-prefix=BITS
// BITS: passes.mlir:{{.*}}: error: {{.*}}bits
// RUN: not mlir-opt %s 2>&1 | FileCheck %s --check-prefix=WITHOUT
// WITHOUT: Dialect `qopt' not found

module {
  ml_program.global private @w(dense<0.5> : tensor<32x64xf16>) : tensor<32x64xf16>
  func.func @f(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
    %w = ml_program.global_load_const @w : tensor<32x64xf16>
    %y = qopt.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf16> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}
