// RUN: qopt %s --gguf-pack --split-input-file 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=WARN --input-file=%t

// Symmetric 4-bit codes 9 (columns 0 to 15) and 1 (16 to 31) with scale 1 are
// Q4_0 as they stand: byte j holds column j in its low nibble, j + 16 above.
// CHECK: @sym(#qopt.inline<{packed = dense<{{\[\[}}0, 60{{(, 25)+}}]]> : tensor<1x18xi8>}>) : !qopt.packed<1x32xf16, #qopt.gguf<q4_0>, #qopt.blocks>
// CHECK: load_const @sym : !qopt.packed<1x32xf16, #qopt.gguf<q4_0>, #qopt.blocks>
ml_program.global private @sym(#qopt.inline<{codes = dense<"0x99999999999999991111111111111111"> : tensor<1x16xi8>, scales = dense<1.0> : tensor<1x1xf16>}>) : !qopt.quant<1x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>>
func.func @f(%x: tensor<?x32xf32>) -> tensor<?x1xf32> {
  %w = ml_program.global_load_const @sym : !qopt.quant<1x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>>
  %y = qopt.linear %x, %w : tensor<?x32xf32>, !qopt.quant<1x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>> -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// -----

// Asymmetric: m = -s z; with s = 1 + 2^-10 and z = 7, s z is no f16.
// CHECK: @asym(#qopt.inline<{packed = dense<{{\[\[}}1, 60, 2, -57{{(, 0)+}}]]> : tensor<1x20xi8>}>) : !qopt.packed<1x32xf16, #qopt.gguf<q4_1>, #qopt.blocks>
// WARN: warning: @asym: minima are rounded to f16, by at most 9.76
ml_program.global private @asym(#qopt.inline<{codes = dense<0> : tensor<1x16xi8>, scales = dense<1.0009765625> : tensor<1x1xf16>, zeros = dense<7> : tensor<1x1xi8>}>) : !qopt.quant<1x32xf16, #qopt.grouped<bits = 4, group = 32>>

// -----

// A GGUF scheme keeps its bytes, a float weight stays float.
// CHECK: @blocks(#qopt.inline<{packed = dense<3> : tensor<1x34xi8>}>) : !qopt.packed<1x32xf16, #qopt.gguf<q8_0>, #qopt.blocks>
// CHECK: @float({{.*}}) : tensor<1x32xf16>
ml_program.global private @blocks(#qopt.inline<{blocks = dense<3> : tensor<1x34xi8>}>) : !qopt.quant<1x32xf16, #qopt.gguf<q8_0>>
ml_program.global private @float(dense<1.0> : tensor<1x32xf16>) : tensor<1x32xf16>
