// RUN: qopt %s --gptq-quantize="bits=2" --split-input-file 2>/dev/null | FileCheck %s

// An assigned grid is found if there is one; what has no grid stays.
// CHECK: @q4(#qopt.inline<{{.*}}) : !qopt.quant<2x32xf16, #qopt.gguf<q4_0>>{{$}}
// CHECK: @int8(#qopt.inline<{{.*}}) : !qopt.quant<2x32xf16, #qopt.grouped<bits = 8, group = 16>>{{$}}
// CHECK: @other({{.*}}) : tensor<2x32xf16> {qopt.scheme = f16}
ml_program.global private @q4(dense<1.0> : tensor<2x32xf16>) : tensor<2x32xf16> {qopt.scheme = #qopt.gguf<q4_0>}
ml_program.global private @int8(dense<1.0> : tensor<2x32xf16>) : tensor<2x32xf16> {qopt.scheme = #qopt.grouped<bits = 8, group = 16>}
ml_program.global private @other(dense<1.0> : tensor<2x32xf16>) : tensor<2x32xf16> {qopt.scheme = f16}
func.func @f(%x: tensor<?x32xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %a = ml_program.global_load_const @q4 : tensor<2x32xf16>
  %b = ml_program.global_load_const @int8 : tensor<2x32xf16>
  %c = ml_program.global_load_const @other : tensor<2x32xf16>
  %p = qopt.linear %x, %a : tensor<?x32xf32>, tensor<2x32xf16> -> tensor<?x2xf32>
  %q = qopt.linear %x, %b : tensor<?x32xf32>, tensor<2x32xf16> -> tensor<?x2xf32>
  %r = qopt.linear %x, %c : tensor<?x32xf32>, tensor<2x32xf16> -> tensor<?x2xf32>
  return %p, %q, %r : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// -----

// Super-blocks: the bytes of the format, written at once.
// CHECK: @k(#qopt.inline<{blocks = {{.*}}tensor<1x144xi8>}>) : !qopt.quant<1x256xf16, #qopt.gguf<q4_k>>{{$}}
// CHECK: load_const @k : !qopt.quant<1x256xf16, #qopt.gguf<q4_k>>
ml_program.global private @k(dense<1.0> : tensor<1x256xf16>) : tensor<1x256xf16> {qopt.scheme = #qopt.gguf<q4_k>}
func.func @g(%x: tensor<?x256xf32>) -> tensor<?x1xf32> {
  %w = ml_program.global_load_const @k : tensor<1x256xf16>
  %y = qopt.linear %x, %w : tensor<?x256xf32>, tensor<1x256xf16> -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}
