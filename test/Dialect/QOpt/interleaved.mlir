// RUN: qopt %s --split-input-file --verify-diagnostics | qopt --split-input-file | FileCheck %s

// CHECK: !qopt.packed<17x100xf16, #qopt.grouped<bits = 3, group = 32, symmetric>, #qopt.interleaved<rows = 16>>
// CHECK: qopt.component %{{.*}} "packed" : {{.*}} -> memref<2x12x64xi8>
// CHECK: qopt.component %{{.*}} "scales" : {{.*}} -> memref<2x4x16xf16>
func.func private @sink(memref<2x12x64xi8>, memref<2x4x16xf16>)
func.func @roundtrip(%w: !qopt.packed<17x100xf16, #qopt.grouped<bits = 3, group = 32, symmetric>, #qopt.interleaved<rows = 16>>) {
  %packed = qopt.component %w "packed" : !qopt.packed<17x100xf16, #qopt.grouped<bits = 3, group = 32, symmetric>, #qopt.interleaved<rows = 16>> -> memref<2x12x64xi8>
  %scales = qopt.component %w "scales" : !qopt.packed<17x100xf16, #qopt.grouped<bits = 3, group = 32, symmetric>, #qopt.interleaved<rows = 16>> -> memref<2x4x16xf16>
  call @sink(%packed, %scales) : (memref<2x12x64xi8>, memref<2x4x16xf16>) -> ()
  return
}

// -----

// CHECK-LABEL: @zeros
// CHECK: qopt.component %{{.*}} "zeros" : {{.*}} -> memref<1x1x16xi8>
func.func @zeros(%w: !qopt.packed<16x40xf16, #qopt.grouped<bits = 4, group = -1>, #qopt.interleaved<rows = 16>>) -> memref<1x1x16xi8> {
  %zeros = qopt.component %w "zeros" : !qopt.packed<16x40xf16, #qopt.grouped<bits = 4, group = -1>, #qopt.interleaved<rows = 16>> -> memref<1x1x16xi8>
  return %zeros : memref<1x1x16xi8>
}

// -----

// expected-error @below {{#qopt.interleaved takes 1 to 64 rows, not 0}}
func.func private @no_rows(!qopt.packed<16x32xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.interleaved<rows = 0>>)

// -----

// expected-error @below {{#qopt.interleaved holds quantized schemes, not #qopt.gguf<f16>}}
func.func private @gguf(!qopt.packed<16x32xf16, #qopt.gguf<f16>, #qopt.interleaved<rows = 16>>)
