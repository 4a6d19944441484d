// RUN: qopt %s | qopt | FileCheck %s
// RUN: qopt %s --emit-bytecode | qopt | FileCheck %s

// CHECK: qopt.sources = {ckpt = #qopt.file<"{{.*}}model.safetensors", size = 1024, hash = "9f86d081884c7d65">, other = #qopt.file<"{{.*}}x">}
module attributes {qopt.sources = {ckpt = #qopt.file<"model.safetensors", size = 1024, hash = "9f86d081884c7d65">, other = #qopt.file<"x">}} {
  // CHECK: ml_program.global private @a(#qopt.extern<ckpt, "a.weight">) : tensor<8x64xf16>
  ml_program.global private @a(#qopt.extern<ckpt, "a.weight">) : tensor<8x64xf16>
  // CHECK: @stacked(#qopt.extern<ckpt, "experts", 3 of 8>) : tensor<8x64xf16>
  ml_program.global private @stacked(#qopt.extern<ckpt, "experts", 3 of 8>) : tensor<8x64xf16>
  // CHECK: @b(#qopt.inline<{codes = dense<17> : tensor<1x2xi8>, scales = dense<1.000000e+00> : tensor<1x1xf16>}>) : !qopt.quant<1x4xf16, #qopt.grouped<bits = 4, group = -1, symmetric>>
  ml_program.global private @b(#qopt.inline<{codes = dense<17> : tensor<1x2xi8>, scales = dense<1.0> : tensor<1x1xf16>}>) : !qopt.quant<1x4xf16, #qopt.grouped<bits = 4, group = -1, symmetric>>
  // CHECK: @c(#qopt.view<#qopt.extern<ckpt, "c"> of tensor<64x8xf16>, [#qopt.transpose, #qopt.slice<rows, offset = 2, size = 3>, #qopt.permute<rows, [2, 0, 1]>, #qopt.scale<rows, dense<[1.000000e+00, 5.000000e-01, 2.000000e+00]> : tensor<3xf32>>]>)
  ml_program.global private @c(#qopt.view<#qopt.extern<ckpt, "c"> of tensor<64x8xf16>, [#qopt.transpose, #qopt.slice<rows, offset = 2, size = 3>, #qopt.permute<rows, [2, 0, 1]>, #qopt.scale<rows, dense<[1.0, 0.5, 2.0]> : tensor<3xf32>>]>) : tensor<3x64xf16>
  // CHECK: @clipped(#qopt.view<#qopt.extern<ckpt, "c"> of tensor<64x8xf16>, [#qopt.clip<group = 4, dense<3> : tensor<64x2xi8>>]>)
  ml_program.global private @clipped(#qopt.view<#qopt.extern<ckpt, "c"> of tensor<64x8xf16>, [#qopt.clip<group = 4, dense<3> : tensor<64x2xi8>>]>) : tensor<64x8xf16>

  // CHECK-LABEL: @states
  func.func @states(%x: tensor<?x64xf32>, %f: tensor<8x64xf16>, %bias: tensor<8xf16>,
                    %q: !qopt.quant<8x64xf16, #qopt.grouped<bits = 3, group = 32>>,
                    %p: !qopt.packed<8x64xf16, #qopt.gguf<q4_0>, #qopt.blocks>) -> tensor<8x64xf32> {
    // CHECK: qopt.linear %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x64xf32>, tensor<8x64xf16>, tensor<8xf16> -> tensor<?x8xf32>
    %0 = qopt.linear %x, %f, %bias : tensor<?x64xf32>, tensor<8x64xf16>, tensor<8xf16> -> tensor<?x8xf32>
    // CHECK: qopt.linear %{{.*}}, %{{.*}} : tensor<?x64xf32>, !qopt.quant<8x64xf16, #qopt.grouped<bits = 3, group = 32>> -> tensor<?x8xf32>
    %1 = qopt.linear %x, %q : tensor<?x64xf32>, !qopt.quant<8x64xf16, #qopt.grouped<bits = 3, group = 32>> -> tensor<?x8xf32>
    // CHECK: qopt.linear %{{.*}}, %{{.*}} : tensor<?x64xf32>, !qopt.packed<8x64xf16, #qopt.gguf<q4_0>, #qopt.blocks> -> tensor<?x8xf32>
    %2 = qopt.linear %x, %p : tensor<?x64xf32>, !qopt.packed<8x64xf16, #qopt.gguf<q4_0>, #qopt.blocks> -> tensor<?x8xf32>
    // CHECK: qopt.dequantize %{{.*}} : !qopt.quant<8x64xf16, #qopt.grouped<bits = 3, group = 32>> -> tensor<8x64xf32>
    %3 = qopt.dequantize %q : !qopt.quant<8x64xf16, #qopt.grouped<bits = 3, group = 32>> -> tensor<8x64xf32>
    return %3 : tensor<8x64xf32>
  }

  // CHECK-LABEL: @vector
  func.func @vector(%x: tensor<64xf32>, %f: tensor<8x64xbf16>) -> tensor<8xf32> {
    // CHECK: qopt.linear %{{.*}}, %{{.*}} : tensor<64xf32>, tensor<8x64xbf16> -> tensor<8xf32>
    %0 = qopt.linear %x, %f : tensor<64xf32>, tensor<8x64xbf16> -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }

  // CHECK-LABEL: @permute
  func.func @permute(%x: tensor<?x2x3xf32>) -> tensor<?x2x3xf32> {
    // CHECK: qopt.permute_channels %{{.*}} [2, 0, 1] : tensor<?x2x3xf32>
    %0 = qopt.permute_channels %x [2, 0, 1] : tensor<?x2x3xf32>
    return %0 : tensor<?x2x3xf32>
  }
}
