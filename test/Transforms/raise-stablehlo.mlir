// What StableHLO's dot_general and broadcast_in_dim become in linalg, with
// weights as symbols: of ml_program, and of a dialect that is not even loaded.
// RUN: qopt %s --raise-to-qopt --allow-unregistered-dialect --verify-diagnostics | FileCheck %s

#x = affine_map<(b, t, n, k) -> (b, t, k)>
#w = affine_map<(b, t, n, k) -> (k, n)>
#y = affine_map<(b, t, n, k) -> (b, t, n)>
#heads_x = affine_map<(b, t, h, d, k) -> (b, t, k)>
#heads_w = affine_map<(b, t, h, d, k) -> (k, h, d)>
#heads_y = affine_map<(b, t, h, d, k) -> (b, t, h, d)>

// CHECK: ml_program.global private @gate(dense<1.000000e+00> : tensor<8x16xf32>)
// CHECK: ml_program.global private @[[GATE:gate_view]](#qopt.view<dense<1.000000e+00> : tensor<8x16xf32> of tensor<8x16xf32>, [#qopt.transpose]>) : tensor<16x8xf32>
ml_program.global private @gate(dense<1.0> : tensor<8x16xf32>) : tensor<8x16xf32>
// CHECK: ml_program.global private @file(#qopt.extern<ckpt, "w">)
ml_program.global private @file(#qopt.extern<ckpt, "w">) : tensor<16x8xbf16>
// CHECK: ml_program.global private mutable @state
ml_program.global private mutable @state(dense<1.0> : tensor<8x16xf32>) : tensor<8x16xf32>
"util.global"() <{sym_name = "heads", sym_visibility = "private", initial_value = dense<2.0> : tensor<8x2x4xf32>, type = tensor<8x2x4xf32>}> : () -> ()

// CHECK-LABEL: func.func @symbols
func.func @symbols(%x: tensor<2x?x8xf32>, %t: index) -> (tensor<2x?x16xf32>, tensor<2x?x2x4xf32>, tensor<2x?x16xbf16>) {
  %zero = arith.constant 0.0 : f32
  %gate = ml_program.global_load_const @gate : tensor<8x16xf32>
  %e = tensor.empty(%t) : tensor<2x?x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?x16xf32>) -> tensor<2x?x16xf32>
  // CHECK: %[[W:.*]] = ml_program.global_load_const @[[GATE]]
  // CHECK: %[[G:.*]] = qopt.linear %arg0, %[[W]] : tensor<2x?x8xf32>, tensor<16x8xf32> -> tensor<2x?x16xf32>
  %g = linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %gate : tensor<2x?x8xf32>, tensor<8x16xf32>) outs(%z : tensor<2x?x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x?x16xf32>

  // The output is split into heads.
  %heads = "util.global.load"() <{global = @heads, is_immutable}> : () -> tensor<8x2x4xf32>
  %eh = tensor.empty(%t) : tensor<2x?x2x4xf32>
  %zh = linalg.fill ins(%zero : f32) outs(%eh : tensor<2x?x2x4xf32>) -> tensor<2x?x2x4xf32>
  // CHECK: %[[L:.*]] = qopt.linear %arg0, %{{.*}} : tensor<2x?x8xf32>, tensor<8x8xf32> -> tensor<2x?x8xf32>
  // CHECK: %[[H:.*]] = tensor.expand_shape %[[L]] {{.*}} : tensor<2x?x8xf32> into tensor<2x?x2x4xf32>
  %h = linalg.generic {indexing_maps = [#heads_x, #heads_w, #heads_y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%x, %heads : tensor<2x?x8xf32>, tensor<8x2x4xf32>) outs(%zh : tensor<2x?x2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<2x?x2x4xf32>

  // A matrix in a file, used as it lies there; sums of bfloats become sums of
  // f32.
  %file = ml_program.global_load_const @file : tensor<16x8xbf16>
  %xb = arith.truncf %x : tensor<2x?x8xf32> to tensor<2x?x8xbf16>
  %zerob = arith.constant 0.0 : bf16
  %eb = tensor.empty(%t) : tensor<2x?x16xbf16>
  %zb = linalg.fill ins(%zerob : bf16) outs(%eb : tensor<2x?x16xbf16>) -> tensor<2x?x16xbf16>
  // CHECK: %[[FILE:.*]] = ml_program.global_load_const @file : tensor<16x8xbf16>
  // CHECK: %[[WIDE:.*]] = arith.extf %{{.*}} : tensor<2x?x8xbf16> to tensor<2x?x8xf32>
  // CHECK: %[[B:.*]] = qopt.linear %[[WIDE]], %[[FILE]]
  // CHECK: arith.truncf %[[B]] : tensor<2x?x16xf32> to tensor<2x?x16xbf16>
  %f = linalg.generic {indexing_maps = [#x, affine_map<(b, t, n, k) -> (n, k)>, #y], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%xb, %file : tensor<2x?x8xbf16>, tensor<16x8xbf16>) outs(%zb : tensor<2x?x16xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %o: bf16):
    %0 = arith.mulf %a, %b : bf16
    %1 = arith.addf %o, %0 : bf16
    linalg.yield %1 : bf16
  } -> tensor<2x?x16xbf16>
  return %g, %h, %f : tensor<2x?x16xf32>, tensor<2x?x2x4xf32>, tensor<2x?x16xbf16>
}

// What cannot be raised stays.
// CHECK-LABEL: func.func @refused
// CHECK-NOT: qopt.linear
func.func @refused(%x: tensor<3x2x8xf32>, %v: tensor<4x8xf32>) -> (tensor<3x2x4xf32>, tensor<4xf32>, tensor<4x16xf32>, tensor<4x4xf32>) {
  %z = arith.constant dense<0.0> : tensor<3x2x4xf32>
  %stack = arith.constant dense<1.0> : tensor<3x8x4xf32>
  // expected-remark @below {{not raised: there is another weight for every index of a dimension of the output}}
  %0 = linalg.batch_matmul ins(%x, %stack : tensor<3x2x8xf32>, tensor<3x8x4xf32>) outs(%z : tensor<3x2x4xf32>) -> tensor<3x2x4xf32>
  %vector = arith.constant dense<1.0> : tensor<8xf32>
  %z1 = arith.constant dense<0.0> : tensor<4xf32>
  // expected-remark @below {{not raised: its weight is a vector}}
  %1 = linalg.matvec ins(%v, %vector : tensor<4x8xf32>, tensor<8xf32>) outs(%z1 : tensor<4xf32>) -> tensor<4xf32>
  %state = ml_program.global_load @state : tensor<8x16xf32>
  %z2 = arith.constant dense<0.0> : tensor<4x16xf32>
  // expected-remark @below {{not raised: neither operand is a constant}}
  %2 = linalg.matmul ins(%v, %state : tensor<4x8xf32>, tensor<8x16xf32>) outs(%z2 : tensor<4x16xf32>) -> tensor<4x16xf32>
  // Not a sum of products of numbers: no contraction, and no remark.
  %w = arith.constant dense<1.0> : tensor<4x8xf32>
  %z3 = arith.constant dense<0.0> : tensor<4x4xf32>
  %3 = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%v, %w : tensor<4x8xf32>, tensor<4x8xf32>) outs(%z3 : tensor<4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %e = math.exp %a : f32
    %p = arith.mulf %e, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4x4xf32>
  return %0, %1, %2, %3 : tensor<3x2x4xf32>, tensor<4xf32>, tensor<4x16xf32>, tensor<4x4xf32>
}
