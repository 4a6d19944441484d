// RUN: not qopt %s --gguf-quantize="type=q8_0" --split-input-file 2>&1 | FileCheck %s
// RUN: not qopt %s --gguf-quantize="type=q9_9" --split-input-file 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: 'q9_9' is not a quantized GGUF type

// CHECK: error: @w: row 1, column 2: nan cannot be quantized; weights must be finite
ml_program.global private @w(dense<"0x0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000007e00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"> : tensor<2x32xf16>) : tensor<2x32xf16>
func.func @f(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
  %w = ml_program.global_load_const @w : tensor<2x32xf16>
  %y = qopt.linear %x, %w : tensor<?x32xf32>, tensor<2x32xf16> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// CHECK: error: rows of 48 columns are not whole q8_0 blocks of 32
// CHECK: error: @w cannot be quantized to this scheme
ml_program.global private @w(dense<1.0> : tensor<2x48xf16>) : tensor<2x48xf16>
func.func @f(%x: tensor<?x48xf32>) -> tensor<?x2xf32> {
  %w = ml_program.global_load_const @w : tensor<2x48xf16>
  %y = qopt.linear %x, %w : tensor<?x48xf32>, tensor<2x48xf16> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
