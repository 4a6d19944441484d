func.func @f(%x: tensor<?x64xf32>, %rows: index) -> tensor<?x32xf32> {
  %w = arith.constant dense<0.5> : tensor<64x32xf16>
  %wide = arith.extf %w : tensor<64x32xf16> to tensor<64x32xf32>
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%rows) : tensor<?x32xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%x, %wide : tensor<?x64xf32>, tensor<64x32xf32>) outs(%start : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
