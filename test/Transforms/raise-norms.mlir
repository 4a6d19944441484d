// Norms and gates of other ranks than 2, in the spelling of torch-mlir: a batch
// of one is a constant 0 in its maps. What only looks like one stays.
// RUN: qopt %s --raise-to-qopt --verify-diagnostics | FileCheck %s
// RUN: qopt %s --raise-to-qopt --print-scale-folds 2>&1 | FileCheck %s --check-prefix=FOLDS

#id = affine_map<(b, t, c) -> (b, t, c)>
#one = affine_map<(b, t, c) -> (0, t, c)>
#row = affine_map<(b, t, c) -> (b, t, 0)>
#onerow = affine_map<(b, t, c) -> (0, t, 0)>
#channel = affine_map<(b, t, c) -> (c)>
#matrix = affine_map<(b, t, n, k) -> (b, t, k)>
#weight = affine_map<(b, t, n, k) -> (n, k)>
#out = affine_map<(b, t, n, k) -> (b, t, n)>
#id2 = affine_map<(t, c) -> (t, c)>
#row2 = affine_map<(t, c) -> (t, 0)>
#channel2 = affine_map<(t, c) -> (c)>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Scales of what the linear reads go into both vectors of the norm.
// FOLDS: remark: 4 scales divide @weight_{{[0-9]+}}, @weight_{{[0-9]+}}; multiply columns of @weight
// CHECK-LABEL: func.func @layer_norm
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %arg0 {{\[}}[0, 1], [2]] : tensor<1x?x4xf32> into tensor<?x4xf32>
// CHECK: %[[N:.*]] = llm.layer_norm %[[ROWS]], %{{.*}}, %{{.*}} {eps = 9.99999974E-6 : f32} : tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>
// CHECK: %[[E:.*]] = tensor.expand_shape %[[N]]
// CHECK: qopt.linear %[[E]]
// CHECK-NOT: linalg
func.func @layer_norm(%x: tensor<1x?x4xf32>, %t: index) -> tensor<1x?x2xf32> {
  %zero = arith.constant 0.0 : f32
  %g = arith.constant dense<[1.0, 2.0, 0.5, 1.5]> : tensor<4xf32>
  %b = arith.constant dense<[0.0, 1.0, -0.5, 0.25]> : tensor<4xf32>
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]> : tensor<2x4xf32>
  %k = arith.constant 4.0 : f32
  %eps = arith.constant 1.0e-05 : f32
  %e = tensor.empty(%t) : tensor<1x?x4xf32>
  %e1 = tensor.empty(%t) : tensor<1x?x1xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x?x1xf32>) -> tensor<1x?x1xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : tensor<1x?x4xf32>) outs(%z1 : tensor<1x?x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.addf %i, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x?x1xf32>
  %mean = linalg.generic {indexing_maps = [#onerow, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%sum : tensor<1x?x1xf32>) outs(%e1 : tensor<1x?x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.divf %i, %k : f32
    linalg.yield %0 : f32
  } -> tensor<1x?x1xf32>
  %c = linalg.generic {indexing_maps = [#one, #onerow, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %mean : tensor<1x?x4xf32>, tensor<1x?x1xf32>) outs(%e : tensor<1x?x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.subf %i, %j : f32
    linalg.yield %0 : f32
  } -> tensor<1x?x4xf32>
  %sq = linalg.generic {indexing_maps = [#one, #one, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%c, %c : tensor<1x?x4xf32>, tensor<1x?x4xf32>) outs(%e : tensor<1x?x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.mulf %i, %j : f32
    linalg.yield %0 : f32
  } -> tensor<1x?x4xf32>
  %ss = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%sq : tensor<1x?x4xf32>) outs(%z1 : tensor<1x?x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.addf %i, %o : f32
    linalg.yield %0 : f32
  } -> tensor<1x?x1xf32>
  %r = linalg.generic {indexing_maps = [#onerow, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%ss : tensor<1x?x1xf32>) outs(%e1 : tensor<1x?x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.divf %i, %k : f32
    %1 = arith.addf %0, %eps : f32
    %2 = math.rsqrt %1 : f32
    linalg.yield %2 : f32
  } -> tensor<1x?x1xf32>
  %n = linalg.generic {indexing_maps = [#one, #onerow, #channel, #channel, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%c, %r, %g, %b : tensor<1x?x4xf32>, tensor<1x?x1xf32>, tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<1x?x4xf32>) {
  ^bb0(%i: f32, %j: f32, %gi: f32, %bi: f32, %o: f32):
    %0 = arith.mulf %i, %j : f32
    %1 = arith.mulf %0, %gi : f32
    %2 = arith.addf %1, %bi : f32
    linalg.yield %2 : f32
  } -> tensor<1x?x4xf32>
  %ey = tensor.empty(%t) : tensor<1x?x2xf32>
  %zy = linalg.fill ins(%zero : f32) outs(%ey : tensor<1x?x2xf32>) -> tensor<1x?x2xf32>
  %y = linalg.generic {indexing_maps = [#matrix, #weight, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%n, %w : tensor<1x?x4xf32>, tensor<2x4xf32>) outs(%zy : tensor<1x?x2xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.mulf %i, %j : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x?x2xf32>
  return %y : tensor<1x?x2xf32>
}

// CHECK-LABEL: func.func @gelu
// CHECK: %[[A:.*]] = llm.gated %{{.*}}, %{{.*}} {activation = #llm.activation<gelu>} : tensor<?x4xf32>
// CHECK: tensor.expand_shape %[[A]]
func.func @gelu(%gate: tensor<2x?x4xf32>, %up: tensor<2x?x4xf32>, %z: tensor<2x?x2xf32>) -> tensor<2x?x2xf32> {
  %w = arith.constant dense<1.0> : tensor<2x4xf32>
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %root = arith.constant 0.707106769 : f32
  %n = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%gate, %up : tensor<2x?x4xf32>, tensor<2x?x4xf32>) outs(%gate : tensor<2x?x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.mulf %i, %root : f32
    %1 = math.erf %0 : f32
    %2 = arith.addf %1, %one : f32
    %3 = arith.mulf %i, %half : f32
    %4 = arith.mulf %3, %2 : f32
    %5 = arith.mulf %4, %j : f32
    linalg.yield %5 : f32
  } -> tensor<2x?x4xf32>
  %y = linalg.generic {indexing_maps = [#matrix, #weight, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%n, %w : tensor<2x?x4xf32>, tensor<2x4xf32>) outs(%z : tensor<2x?x2xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.mulf %i, %j : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x?x2xf32>
  return %y : tensor<2x?x2xf32>
}

// A feed-forward block of bfloats, as torch-mlir writes it: products are summed
// in f32 and rounded by a generic; gate and up are slices of one linear. Scales
// pass what is rounded.
// FOLDS: remark: 4 scales divide @[[NORM:weight_[0-9]+]]; multiply columns of @[[UP:weight_[0-9]+]]
// FOLDS: remark: 6 scales divide rows of @[[UP]]; multiply columns of @weight
// CHECK-LABEL: func.func @bfloats
// CHECK: %[[X:.*]] = arith.extf %arg0 : tensor<?x4xbf16> to tensor<?x4xf32>
// CHECK: %[[N:.*]] = llm.rms_norm %[[X]], %{{.*}} : tensor<?x4xf32>, tensor<4xbf16>
// CHECK: %[[R:.*]] = arith.truncf %[[N]] : tensor<?x4xf32> to tensor<?x4xbf16>
// CHECK: %[[W:.*]] = arith.extf %[[R]]
// CHECK: %[[L:.*]] = qopt.linear %[[W]], %{{.*}} : tensor<?x4xf32>, tensor<12x4xbf16> -> tensor<?x12xf32>
// CHECK: arith.truncf %[[L]]
// CHECK-COUNT-2: tensor.extract_slice
// CHECK: llm.gated %{{.*}}, %{{.*}} {activation = #llm.activation<silu>} : tensor<?x6xf32>
// CHECK: qopt.linear
// CHECK-NOT: linalg
func.func @bfloats(%x: tensor<?x4xbf16>, %t: index) -> (tensor<?x4xf32>, tensor<?x4xbf16>) {
  %zero = arith.constant 0.0 : f32
  %g = arith.constant dense<[1.0, 2.0, 0.5, 1.5]> : tensor<4xbf16>
  %up = arith.constant dense<0.5> : tensor<12x4xbf16>
  %down = arith.constant dense<0.25> : tensor<4x6xbf16>
  %k = arith.constant 4.0 : f32
  %one = arith.constant 1.0 : bf16
  %eps = arith.constant 1.0e-05 : f64
  %two = arith.constant 2 : i64
  %e = tensor.empty(%t) : tensor<?x4xf32>
  %eb = tensor.empty(%t) : tensor<?x4xbf16>
  %e1 = tensor.empty(%t) : tensor<?x1xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x1xf32>) -> tensor<?x1xf32>
  %wide = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x4xbf16>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%i: bf16, %o: f32):
    %0 = arith.extf %i : bf16 to f32
    linalg.yield %0 : f32
  } -> tensor<?x4xf32>
  %squares = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%wide : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = math.fpowi %i, %two : f32, i64
    linalg.yield %0 : f32
  } -> tensor<?x4xf32>
  %sum = linalg.generic {indexing_maps = [#id2, #row2], iterator_types = ["parallel", "reduction"]} ins(%squares : tensor<?x4xf32>) outs(%z1 : tensor<?x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.addf %i, %o : f32
    linalg.yield %0 : f32
  } -> tensor<?x1xf32>
  %root = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%sum : tensor<?x1xf32>) outs(%e1 : tensor<?x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.divf %i, %k : f32
    %1 = arith.truncf %eps : f64 to f32
    %2 = arith.addf %0, %1 : f32
    %3 = math.rsqrt %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x1xf32>
  %normed = linalg.generic {indexing_maps = [#id2, #row2, #id2], iterator_types = ["parallel", "parallel"]} ins(%wide, %root : tensor<?x4xf32>, tensor<?x1xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.mulf %i, %j : f32
    linalg.yield %0 : f32
  } -> tensor<?x4xf32>
  %narrow = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%normed : tensor<?x4xf32>) outs(%eb : tensor<?x4xbf16>) {
  ^bb0(%i: f32, %o: bf16):
    %0 = arith.truncf %i : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<?x4xbf16>
  %h = linalg.generic {indexing_maps = [#channel2, #id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%g, %narrow : tensor<4xbf16>, tensor<?x4xbf16>) outs(%eb : tensor<?x4xbf16>) {
  ^bb0(%i: bf16, %j: bf16, %o: bf16):
    %0 = arith.mulf %i, %j : bf16
    linalg.yield %0 : bf16
  } -> tensor<?x4xbf16>
  %ep = tensor.empty(%t) : tensor<?x12xf32>
  %zp = linalg.fill ins(%zero : f32) outs(%ep : tensor<?x12xf32>) -> tensor<?x12xf32>
  %p = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%h, %up : tensor<?x4xbf16>, tensor<12x4xbf16>) outs(%zp : tensor<?x12xf32>) -> tensor<?x12xf32>
  %epb = tensor.empty(%t) : tensor<?x12xbf16>
  %pb = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%p : tensor<?x12xf32>) outs(%epb : tensor<?x12xbf16>) {
  ^bb0(%i: f32, %o: bf16):
    %0 = arith.truncf %i : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<?x12xbf16>
  %gate = tensor.extract_slice %pb[0, 0] [%t, 6] [1, 1] : tensor<?x12xbf16> to tensor<?x6xbf16>
  %u = tensor.extract_slice %pb[0, 6] [%t, 6] [1, 1] : tensor<?x12xbf16> to tensor<?x6xbf16>
  %e6 = tensor.empty(%t) : tensor<?x6xbf16>
  %a = linalg.generic {indexing_maps = [#id2, #id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%gate, %u : tensor<?x6xbf16>, tensor<?x6xbf16>) outs(%e6 : tensor<?x6xbf16>) {
  ^bb0(%i: bf16, %j: bf16, %o: bf16):
    %0 = arith.negf %i : bf16
    %1 = math.exp %0 : bf16
    %2 = arith.addf %1, %one : bf16
    %3 = arith.divf %i, %2 : bf16
    %4 = arith.mulf %3, %j : bf16
    linalg.yield %4 : bf16
  } -> tensor<?x6xbf16>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%a, %down : tensor<?x6xbf16>, tensor<4x6xbf16>) outs(%z : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y, %x : tensor<?x4xf32>, tensor<?x4xbf16>
}

// CHECK-LABEL: func.func @refused
// CHECK-NOT: llm.
func.func @refused(%gate: tensor<2x?x4xf32>, %up: tensor<2x?x4xf32>, %z: tensor<2x?x2xf32>, %g: tensor<4xf32>, %t: index) -> (tensor<2x?x2xf32>, tensor<2x?x2xf32>) {
  %w = arith.constant dense<1.0> : tensor<2x4xf32>
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  // A hyperbolic tangent is no SiLU.
  // expected-remark @below {{not raised: this is no product with a SiLU or GELU}}
  %n = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%gate, %up : tensor<2x?x4xf32>, tensor<2x?x4xf32>) outs(%gate : tensor<2x?x4xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = math.tanh %i : f32
    %1 = arith.mulf %0, %j : f32
    linalg.yield %1 : f32
  } -> tensor<2x?x4xf32>
  %y = linalg.generic {indexing_maps = [#matrix, #weight, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%n, %w : tensor<2x?x4xf32>, tensor<2x4xf32>) outs(%z : tensor<2x?x2xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.mulf %i, %j : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x?x2xf32>
  // A norm by the sum of squares, not by their mean.
  %e1 = tensor.empty(%t) : tensor<2x?x1xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<2x?x1xf32>) -> tensor<2x?x1xf32>
  %ss = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%gate : tensor<2x?x4xf32>) outs(%z1 : tensor<2x?x1xf32>) {
  ^bb0(%i: f32, %o: f32):
    %0 = arith.mulf %i, %i : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<2x?x1xf32>
  // expected-remark @below {{not raised: this is neither an RMS norm nor a layer norm with a weight for each channel}}
  %m = linalg.generic {indexing_maps = [#id, #row, #channel, #id], iterator_types = ["parallel", "parallel", "parallel"]} ins(%gate, %ss, %g : tensor<2x?x4xf32>, tensor<2x?x1xf32>, tensor<4xf32>) outs(%up : tensor<2x?x4xf32>) {
  ^bb0(%i: f32, %s: f32, %gi: f32, %o: f32):
    %0 = arith.addf %s, %one : f32
    %1 = math.rsqrt %0 : f32
    %2 = arith.mulf %i, %1 : f32
    %3 = arith.mulf %2, %gi : f32
    linalg.yield %3 : f32
  } -> tensor<2x?x4xf32>
  %v = linalg.generic {indexing_maps = [#matrix, #weight, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%m, %w : tensor<2x?x4xf32>, tensor<2x4xf32>) outs(%z : tensor<2x?x2xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %0 = arith.mulf %i, %j : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x?x2xf32>
  return %y, %v : tensor<2x?x2xf32>, tensor<2x?x2xf32>
}
