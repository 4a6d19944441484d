// RUN: qopt %s --canonicalize | FileCheck %s

// CHECK-LABEL: @fuse_dequantize
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[Q:.*]]: !qopt.quant
func.func @fuse_dequantize(%x: tensor<?x64xf32>, %q: !qopt.quant<8x64xf16, #qopt.grouped<bits = 4, group = 32>>) -> tensor<?x8xf32> {
  // CHECK-NOT: dequantize
  // CHECK: qopt.linear %[[X]], %[[Q]]
  %w = qopt.dequantize %q : !qopt.quant<8x64xf16, #qopt.grouped<bits = 4, group = 32>> -> tensor<8x64xf32>
  %y = qopt.linear %x, %w : tensor<?x64xf32>, tensor<8x64xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @drop_zero_bias
func.func @drop_zero_bias(%x: tensor<?x64xf32>, %w: tensor<8x64xf16>) -> tensor<?x8xf32> {
  // CHECK: qopt.linear %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<8x64xf16> ->
  %bias = arith.constant dense<0.0> : tensor<8xf32>
  %y = qopt.linear %x, %w, %bias : tensor<?x64xf32>, tensor<8x64xf16>, tensor<8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @keep_bias
func.func @keep_bias(%x: tensor<?x64xf32>, %w: tensor<8x64xf16>) -> tensor<?x8xf32> {
  // CHECK: qopt.linear %{{.*}}, %{{.*}}, %{{.*}} :
  %bias = arith.constant dense<1.0> : tensor<8xf32>
  %y = qopt.linear %x, %w, %bias : tensor<?x64xf32>, tensor<8x64xf16>, tensor<8xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: @fold_dequantize_of_f32
func.func @fold_dequantize_of_f32(%w: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NEXT: return %{{.*}} : tensor<8x64xf32>
  %0 = qopt.dequantize %w : tensor<8x64xf32> -> tensor<8x64xf32>
  return %0 : tensor<8x64xf32>
}

// CHECK-LABEL: @unused
func.func @unused(%x: tensor<?x64xf32>, %w: tensor<8x64xf16>) {
  // CHECK-NEXT: return
  %y = qopt.linear %x, %w : tensor<?x64xf32>, tensor<8x64xf16> -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @stay
// CHECK-SAME: %[[X:.*]]: tensor<?x3xf32>
func.func @stay(%x: tensor<?x3xf32>) -> (tensor<?x3xf32>, tensor<?x3xf32>) {
  // CHECK-NEXT: %[[Y:.*]] = qopt.permute_channels %[[X]] [2, 0, 1]
  // CHECK-NEXT: return %[[X]], %[[Y]]
  %0 = qopt.permute_channels %x [0, 1, 2] : tensor<?x3xf32>
  %1 = qopt.permute_channels %x [2, 0, 1] : tensor<?x3xf32>
  return %0, %1 : tensor<?x3xf32>, tensor<?x3xf32>
}
