// A transformer block as torch-mlir emits it: weights are transposed and repeated
// along the batch, biases are added by generics.
// RUN: qopt %s --raise-to-qopt --verify-diagnostics | FileCheck %s
// RUN: qopt %s --raise-to-qopt --rtn-quantize="group=4" 2>/dev/null | FileCheck %s --check-prefix=QUANTIZED

#id2 = affine_map<(d0, d1) -> (d0, d1)>
#id3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#row = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#last3 = affine_map<(d0, d1, d2) -> (d2)>
#matrix = affine_map<(d0, d1, d2) -> (d1, d2)>
#last2 = affine_map<(d0, d1) -> (d1)>

// CHECK-DAG: ml_program.global private @[[Q:weight.*]](dense_resource<q> : tensor<8x8xf32>) : tensor<8x8xf32>
// CHECK-DAG: ml_program.global private @[[DOWN:weight.*]](#qopt.view<dense<{{.*}}> : tensor<16x8xf32> of tensor<16x8xf32>, [#qopt.transpose]>) : tensor<8x16xf32>
// QUANTIZED-COUNT-4: ml_program.global private @weight{{.*}} : !qopt.quant<
module {
  // CHECK-LABEL: func.func @block
  func.func @block(%x: tensor<?x4x8xf32>) -> tensor<?x4x8xf32> {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %eight = arith.constant 8.0 : f32
    %batch = tensor.dim %x, %c0 : tensor<?x4x8xf32>
    %wq = arith.constant dense_resource<q> : tensor<8x8xf32>
    %bq = arith.constant dense<0.25> : tensor<8xf32>
    %wk = arith.constant dense<0.5> : tensor<8x8xf32>
    %wup = arith.constant dense<0.75> : tensor<16x8xf16>
    %wdown = arith.constant dense<1.25> : tensor<16x8xf32>
    %norm = arith.constant dense<1.0> : tensor<8xf32>

    // rms norm
    %e1 = tensor.empty(%batch) : tensor<?x4x1xf32>
    %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x4x1xf32>) -> tensor<?x4x1xf32>
    %sum = linalg.generic {indexing_maps = [#id3, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : tensor<?x4x8xf32>) outs(%z1 : tensor<?x4x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %0 = arith.mulf %in, %in : f32
      %1 = arith.addf %0, %out : f32
      linalg.yield %1 : f32
    } -> tensor<?x4x1xf32>
    %e8 = tensor.empty(%batch) : tensor<?x4x8xf32>
    %h = linalg.generic {indexing_maps = [#id3, #row, #last3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %sum, %norm : tensor<?x4x8xf32>, tensor<?x4x1xf32>, tensor<8xf32>) outs(%e8 : tensor<?x4x8xf32>) {
    ^bb0(%in: f32, %s: f32, %g: f32, %out: f32):
      %0 = arith.divf %s, %eight : f32
      %1 = arith.addf %0, %eps : f32
      %2 = math.rsqrt %1 : f32
      %3 = arith.mulf %in, %2 : f32
      %4 = arith.mulf %3, %g : f32
      linalg.yield %4 : f32
    } -> tensor<?x4x8xf32>

    // nn.Linear with a bias on a batch of unknown size
    %ewq = tensor.empty() : tensor<8x8xf32>
    %wqt = linalg.transpose ins(%wq : tensor<8x8xf32>) outs(%ewq : tensor<8x8xf32>) permutation = [1, 0]
    %ewqb = tensor.empty(%batch) : tensor<?x8x8xf32>
    %wqb = linalg.generic {indexing_maps = [#matrix, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%wqt : tensor<8x8xf32>) outs(%ewqb : tensor<?x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8x8xf32>
    %z8 = linalg.fill ins(%zero : f32) outs(%e8 : tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
    %q0 = linalg.batch_matmul ins(%h, %wqb : tensor<?x4x8xf32>, tensor<?x8x8xf32>) outs(%z8 : tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
    // CHECK: %[[R:.*]] = llm.rms_norm %{{.*}}, %{{.*}} {eps = 9.99999974E-6 : f32} : tensor<?x8xf32>, tensor<8xf32>
    // CHECK: %[[H:.*]] = tensor.expand_shape %[[R]]
    // CHECK: %[[WQ:.*]] = ml_program.global_load_const @[[Q]]
    // CHECK: %[[BQ:.*]] = arith.constant dense<2.500000e-01> : tensor<8xf32>
    // CHECK: %[[YQ:.*]] = qopt.linear %[[H]], %[[WQ]], %[[BQ]] : tensor<?x4x8xf32>, tensor<8x8xf32>, tensor<8xf32> -> tensor<?x4x8xf32>
    %q = linalg.generic {indexing_maps = [#id3, #last3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%q0, %bq : tensor<?x4x8xf32>, tensor<8xf32>) outs(%e8 : tensor<?x4x8xf32>) {
    ^bb0(%in: f32, %b: f32, %out: f32):
      %0 = arith.addf %in, %b : f32
      linalg.yield %0 : f32
    } -> tensor<?x4x8xf32>
    %wkb = linalg.generic {indexing_maps = [#matrix, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%wk : tensor<8x8xf32>) outs(%ewqb : tensor<?x8x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<?x8x8xf32>
    // CHECK: %[[YK:.*]] = qopt.linear %[[H]], %{{.*}} : tensor<?x4x8xf32>, tensor<8x8xf32> -> tensor<?x4x8xf32>
    %k = linalg.batch_matmul ins(%h, %wkb : tensor<?x4x8xf32>, tensor<?x8x8xf32>) outs(%z8 : tensor<?x4x8xf32>) -> tensor<?x4x8xf32>

    // Scores are no linear.
    %e4 = tensor.empty(%batch) : tensor<?x4x4xf32>
    %z4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
    // CHECK: linalg.batch_matmul indexing_maps
    // expected-remark @+1 {{not raised: neither operand is a constant}}
    %scores = linalg.batch_matmul indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>] ins(%q, %k : tensor<?x4x8xf32>, tensor<?x4x8xf32>) outs(%z4 : tensor<?x4x4xf32>) -> tensor<?x4x4xf32>
    // expected-remark @+1 {{not raised: neither operand is a constant}}
    %a = linalg.batch_matmul ins(%scores, %k : tensor<?x4x4xf32>, tensor<?x4x8xf32>) outs(%z8 : tensor<?x4x8xf32>) -> tensor<?x4x8xf32>

    // On flattened rows, with a weight of halves.
    %flat = tensor.collapse_shape %a [[0, 1], [2]] : tensor<?x4x8xf32> into tensor<?x8xf32>
    %rows = tensor.dim %flat, %c0 : tensor<?x8xf32>
    %ew = tensor.empty() : tensor<8x16xf32>
    %wupt = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, #id2], iterator_types = ["parallel", "parallel"]} ins(%wup : tensor<16x8xf16>) outs(%ew : tensor<8x16xf32>) {
    ^bb0(%in: f16, %out: f32):
      %0 = arith.extf %in : f16 to f32
      linalg.yield %0 : f32
    } -> tensor<8x16xf32>
    %e16 = tensor.empty(%rows) : tensor<?x16xf32>
    %z16 = linalg.fill ins(%zero : f32) outs(%e16 : tensor<?x16xf32>) -> tensor<?x16xf32>
    // CHECK: %[[UP:.*]] = qopt.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<16x8xf16> -> tensor<?x16xf32>
    %up = linalg.matmul ins(%flat, %wupt : tensor<?x8xf32>, tensor<8x16xf32>) outs(%z16 : tensor<?x16xf32>) -> tensor<?x16xf32>
    %act = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%up : tensor<?x16xf32>) outs(%e16 : tensor<?x16xf32>) {
    ^bb0(%in: f32, %out: f32):
      %0 = math.tanh %in : f32
      linalg.yield %0 : f32
    } -> tensor<?x16xf32>
    %e8f = tensor.empty(%rows) : tensor<?x8xf32>
    %z8f = linalg.fill ins(%zero : f32) outs(%e8f : tensor<?x8xf32>) -> tensor<?x8xf32>
    // CHECK: ml_program.global_load_const @[[DOWN]]
    // CHECK: qopt.linear %{{.*}}, %{{.*}} : tensor<?x16xf32>, tensor<8x16xf32> -> tensor<?x8xf32>
    // CHECK-NOT: arith.constant dense
    %down = linalg.matmul ins(%act, %wdown : tensor<?x16xf32>, tensor<16x8xf32>) outs(%z8f : tensor<?x8xf32>) -> tensor<?x8xf32>
    %y = tensor.expand_shape %down [[0, 1], [2]] output_shape [%batch, 4, 8] : tensor<?x8xf32> into tensor<?x4x8xf32>
    %r = linalg.generic {indexing_maps = [#id3, #id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %y : tensor<?x4x8xf32>, tensor<?x4x8xf32>) outs(%e8 : tensor<?x4x8xf32>) {
    ^bb0(%in: f32, %o: f32, %out: f32):
      %0 = arith.addf %in, %o : f32
      linalg.yield %0 : f32
    } -> tensor<?x4x8xf32>
    return %r : tensor<?x4x8xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      q: "0x040000000000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E04000000041"
    }
  }
#-}
