// RUN: qopt %s --sort-columns --no-remarks | FileCheck %s
// RUN: qopt %s --sort-columns --no-remarks -o %t.mlir
// RUN: qopt %t.mlir --pack-weights | FileCheck %s --check-prefix=PACKED

// A permutation of what linears make, element by element, is one of their rows.
!q = !qopt.quant<4x4xf16, #qopt.grouped<bits = 8, group = 2, symmetric>>
#stored = #qopt.inline<{codes = dense<[[128, 129, 130, 131], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]> : tensor<4x4xui8>, scales = dense<1.0> : tensor<4x2xf16>}>

ml_program.global private @down(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 2, 3, 0]>]>) : tensor<4x4xf16>
ml_program.global private @second(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 2, 3, 0]>]>) : tensor<4x4xf16>
ml_program.global private @third(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 2, 3, 0]>]>) : tensor<4x4xf16>
ml_program.global private @fourth(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 2, 3, 0]>]>) : tensor<4x4xf16>

// Quantized weights stay quantized, whether in act-order themselves or not;
// packed ones are unpacked; floats and biases are views, too.
// CHECK: @gate(#qopt.view<#qopt.inline<{{.*}}> of !qopt.quant<4x4xf16, [[G:#qopt.grouped<.*>]]>, [#qopt.permute<rows, [3, 0, 1, 2]>]>) : !qopt.quant<4x4xf16, [[G]]>
// PACKED: @gate(#qopt.inline<{{.*}}>) : !qopt.packed<4x4xf16, #qopt.grouped<{{.*}}>, #qopt.interleaved<
ml_program.global private @gate(#stored) : !q
// CHECK: @up(#qopt.view<#qopt.inline<{{.*}}> of !qopt.quant<{{.*}}>, [#qopt.permute<rows, [3, 0, 1, 2]>]>) : !qopt.quant
ml_program.global private @up(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 0, 2, 3]>]>) : tensor<4x4xf16>
// CHECK: @bias(#qopt.view<dense<{{.*}}> : tensor<4xf16> of tensor<4xf16>, [#qopt.permute<columns, [3, 0, 1, 2]>]>) : tensor<4xf16>
ml_program.global private @bias(dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf16>) : tensor<4xf16>
// CHECK: @float(#qopt.view<dense<1.{{.*}}> : tensor<4x4xf16> of tensor<4x4xf16>, [#qopt.scale<{{.*}}>, #qopt.permute<rows, [3, 0, 1, 2]>]>) : tensor<4x4xf32>
ml_program.global private @float(#qopt.view<dense<1.0> : tensor<4x4xf16> of tensor<4x4xf16>, [#qopt.scale<rows, dense<2.0> : tensor<4xf32>>]>) : tensor<4x4xf32>
// A matrix for two: each half in its order.
// CHECK: @fused(#qopt.view<{{.*}}, [#qopt.permute<rows, [3, 0, 1, 2, 7, 4, 5, 6]>]>) : tensor<8x4xf16>
ml_program.global private @fused(dense<1.0> : tensor<8x4xf16>) : tensor<8x4xf16>
// CHECK: @twice(dense
ml_program.global private @twice(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
// CHECK: @clipped(#qopt.view<{{.*}}, [#qopt.clip<group = 4, {{.*}}>]>) : tensor<4x4xf16>
ml_program.global private @clipped(#qopt.view<dense<1.0> : tensor<4x4xf16> of tensor<4x4xf16>, [#qopt.clip<group = 4, dense<1> : tensor<4x1xi8>>]>) : tensor<4x4xf16>

// CHECK-LABEL: func.func @product(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x4xf32>
// CHECK: %[[SORTED:.*]] = qopt.permute_channels %[[X]] [1, 0, 2, 3]
// CHECK: %[[GATE:.*]] = qopt.linear %[[X]]
// CHECK: %[[UP:.*]] = qopt.linear %[[SORTED]], %{{.*}}, %{{.*}} :
// CHECK: %[[A:.*]] = llm.gated %[[GATE]], %[[UP]]
// CHECK-NOT: qopt.permute_channels
// CHECK: qopt.linear %[[A]], %{{.*}} : tensor<?x4xf32>, !qopt.quant
func.func @product(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %gate = ml_program.global_load_const @gate : !q
  %up = ml_program.global_load_const @up : tensor<4x4xf16>
  %bias = ml_program.global_load_const @bias : tensor<4xf16>
  %down = ml_program.global_load_const @down : tensor<4x4xf16>
  %g = qopt.linear %x, %gate : tensor<?x4xf32>, !q -> tensor<?x4xf32>
  %u = qopt.linear %x, %up, %bias : tensor<?x4xf32>, tensor<4x4xf16>, tensor<4xf16> -> tensor<?x4xf32>
  %a = llm.gated %g, %u {activation = #llm.activation<silu>} : tensor<?x4xf32>
  %d = qopt.linear %a, %down : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  return %d : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @slices(
// CHECK-NOT: qopt.permute_channels
// CHECK: return
func.func @slices(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %fused = ml_program.global_load_const @fused : tensor<8x4xf16>
  %second = ml_program.global_load_const @second : tensor<4x4xf16>
  %both = qopt.linear %x, %fused : tensor<?x4xf32>, tensor<8x4xf16> -> tensor<?x8xf32>
  %g = llm.slice %both {offset = 0 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>
  %u = llm.slice %both {offset = 4 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>
  %a = llm.gated %g, %u {activation = #llm.activation<silu>} : tensor<?x4xf32>
  %d = qopt.linear %a, %second : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  return %d : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @squared(
// CHECK-NOT: qopt.permute_channels
// CHECK: return
func.func @squared(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %float = ml_program.global_load_const @float : tensor<4x4xf32>
  %third = ml_program.global_load_const @third : tensor<4x4xf16>
  %f = qopt.linear %x, %float : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
  %s = arith.mulf %f, %f : tensor<?x4xf32>
  %d = qopt.linear %s, %third : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  return %d : tensor<?x4xf32>
}

// A norm sees all channels, and so does somebody else; a weight is read in two
// places; a clip is of rows where they are.
// CHECK-LABEL: func.func @refused(
// CHECK: qopt.permute_channels
// CHECK: qopt.permute_channels
// CHECK: qopt.permute_channels
// CHECK: return
func.func @refused(%x: tensor<?x4xf32>, %w: tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %fourth = ml_program.global_load_const @fourth : tensor<4x4xf16>
  %twice = ml_program.global_load_const @twice : tensor<4x4xf16>
  %clipped = ml_program.global_load_const @clipped : tensor<4x4xf16>
  %t = qopt.linear %x, %twice : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  %c = qopt.linear %x, %clipped : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  %n = llm.rms_norm %c, %w {eps = 1.0e-5 : f32} : tensor<?x4xf32>, tensor<4xf32>
  %0 = qopt.linear %n, %fourth : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  %1 = qopt.linear %t, %fourth : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  %2 = qopt.linear %x, %twice : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  %s = llm.softcap %c {cap = 2.0 : f32} : tensor<?x4xf32>
  %3 = qopt.linear %s, %fourth : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
  return %0, %1, %2, %3 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}
