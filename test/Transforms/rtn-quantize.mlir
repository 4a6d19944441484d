// RUN: qopt %s --rtn-quantize="bits=4 group=4" | FileCheck %s
// RUN: qopt %s --rtn-quantize="bits=4 group=4 symmetric" | FileCheck %s --check-prefix=SYM
// RUN: qopt %s --rtn-quantize="bits=8 group=-1 head" | FileCheck %s --check-prefix=ROW

// The range [-1.5, 6] has 15 steps of 0.5, so every weight is a code: the codes
// are w / 0.5 + 3, low bits first.
// CHECK: ml_program.global private @w(#qopt.inline<{codes =
// CHECK-SAME: dense<{{\[\[}}80, -7, 96, -8], [112, -9, -128, 15]]> : tensor<2x4xi8>
// CHECK-SAME: scales = dense<5.000000e-01> : tensor<2x2xf16>
// CHECK-SAME: zeros = dense<3> : tensor<2x2xi8>
// CHECK-SAME: !qopt.quant<2x8xf16, #qopt.grouped<bits = 4, group = 4>>
// SYM: @w(#qopt.inline<{codes = {{.*}}, scales = {{.*}}}>) : !qopt.quant<2x8xf16, #qopt.grouped<bits = 4, group = 4, symmetric>>
// ROW: @w({{.*}}) : !qopt.quant<2x8xf16, #qopt.grouped<bits = 8, group = -1>>
ml_program.global private @w(dense<[[-1.5, 1.0, 3.0, 6.0, -1.5, 1.5, 2.5, 6.0],
                                    [-1.5, 2.0, 2.0, 6.0, -1.5, 2.5, 6.0, -1.5]]> : tensor<2x8xf16>) : tensor<2x8xf16>
// A weight that no linear reads is none of the pass's business.
// CHECK: @norm(dense<1.000000e+00> : tensor<8xf16>) : tensor<8xf16>
ml_program.global private @norm(dense<1.0> : tensor<8xf16>) : tensor<8xf16>

// CHECK-LABEL: @f
func.func @f(%x: tensor<?x8xf32>) -> tensor<?x2xf32> {
  // CHECK: %[[W:.*]] = ml_program.global_load_const @w : !qopt.quant
  // CHECK: qopt.linear %{{.*}}, %[[W]] : tensor<?x8xf32>, !qopt.quant<2x8xf16, #qopt.grouped<bits = 4, group = 4>> -> tensor<?x2xf32>
  %w = ml_program.global_load_const @w : tensor<2x8xf16>
  %y = qopt.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf16> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
