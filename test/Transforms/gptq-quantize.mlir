// RUN: qopt %s --gptq-quantize="bits=4 group=4" --verify-diagnostics | FileCheck %s
// RUN: qopt %s --gptq-quantize="bits=4 group=4" -o %t.gptq 2>/dev/null
// RUN: qopt %s --rtn-quantize="bits=4 group=4" -o %t.rtn 2>/dev/null
// With H = I there is nothing to compensate: the codes are those of RTN.
// RUN: diff %t.gptq %t.rtn

// expected-warning @+1 {{using the identity for H}}
module {
  // CHECK: @w({{.*}}) : !qopt.quant<2x8xf16, #qopt.grouped<bits = 4, group = 4>>
  ml_program.global private @w(dense<[[-1.1, 1.0, 3.3, 6.0, -1.5, 1.7, 2.5, 6.0],
                                      [-1.5, 2.0, 2.2, 6.0, -1.4, 2.5, 6.0, -1.5]]> : tensor<2x8xf16>) : tensor<2x8xf16>
  func.func @f(%x: tensor<?x8xf32>, %argument: tensor<2x2xf16>) -> tensor<?x2xf32> {
    %w = ml_program.global_load_const @w : tensor<2x8xf16>
    // CHECK: qopt.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>, !qopt.quant
    %y = qopt.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf16> -> tensor<?x2xf32>
    // expected-remark @+1 {{not quantized: its weight is not the constant value of an ml_program.global}}
    %z = qopt.linear %y, %argument : tensor<?x2xf32>, tensor<2x2xf16> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}
