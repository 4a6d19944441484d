// RUN: not qopt %s --gguf-pack --split-input-file 2>&1 | FileCheck %s

// CHECK: error: @w: groups of 16 columns do not fall on blocks of 32: quantize with a group that is a multiple of 32, or encode the float weight with gguf-quantize
ml_program.global private @w(#qopt.inline<{codes = dense<0> : tensor<1x16xi8>, scales = dense<1.0> : tensor<1x2xf16>}>) : !qopt.quant<1x32xf16, #qopt.grouped<bits = 4, group = 16, symmetric>>

// -----

// CHECK: error: @w: rows of 48 columns are not whole blocks of 32
ml_program.global private @w(#qopt.inline<{codes = dense<0> : tensor<1x24xi8>, scales = dense<1.0> : tensor<1x2xf16>}>) : !qopt.quant<1x48xf16, #qopt.grouped<bits = 4, group = 32, symmetric>>

// -----

// CHECK: error: @w: row 0, column 0: code 0 with zero point 255 does not fit
ml_program.global private @w(#qopt.inline<{codes = dense<0> : tensor<1x32xi8>, scales = dense<1.0> : tensor<1x1xf16>, zeros = dense<-1> : tensor<1x1xi8>}>) : !qopt.quant<1x32xf16, #qopt.grouped<bits = 8, group = 32>>

// -----

// CHECK: error: @w: row 0, group 0: the minimum -97
ml_program.global private @w(#qopt.inline<{codes = dense<0> : tensor<1x16xi8>, scales = dense<65000.0> : tensor<1x1xf16>, zeros = dense<15> : tensor<1x1xi8>}>) : !qopt.quant<1x32xf16, #qopt.grouped<bits = 4, group = 32>>
