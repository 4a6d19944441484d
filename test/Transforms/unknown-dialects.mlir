// Ops of dialects that are not loaded, with regions and symbols of their own,
// keep nothing from being quantized and lowered, and what they refer to stays.
// RUN: qopt %s --allow-unregistered-dialect --raise-to-qopt --rtn-quantize="group=4" 2>/dev/null | FileCheck %s --check-prefix=QUANTIZED
// RUN: qopt %s --allow-unregistered-dialect --raise-to-qopt --lower-qopt-to-linalg | FileCheck %s --check-prefix=LOWERED

// QUANTIZED: ml_program.global private @w({{.*}}) : !qopt.quant<6x8xf32
// QUANTIZED: ml_program.global_load_const @w : !qopt.quant<6x8xf32
// LOWERED-NOT: @w(
// LOWERED: ml_program.global private @state
// LOWERED-NOT: ml_program
module {
  ml_program.global private @w(dense<1.0> : tensor<6x8xf32>) : tensor<6x8xf32>
  ml_program.global private @state(dense<1.0> : tensor<8xf32>) : tensor<8xf32>
  func.func @f(%x: tensor<5x8xf32>) -> tensor<5x6xf32> {
    "other.scan"() <{state = @state}> ({
      "other.yield"() : () -> ()
    }) : () -> ()
    %w = ml_program.global_load_const @w : tensor<6x8xf32>
    %z = arith.constant dense<0.0> : tensor<5x6xf32>
    %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        ins(%x, %w : tensor<5x8xf32>, tensor<6x8xf32>) outs(%z : tensor<5x6xf32>) -> tensor<5x6xf32>
    return %y : tensor<5x6xf32>
  }
}
