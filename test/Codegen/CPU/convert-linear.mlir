// RUN: qopt %s --convert-linear-to-cpu="cpu=x86-64-v4" --verify-diagnostics | FileCheck %s

!packed = !qopt.packed<40x64xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.interleaved<rows = 16>>
!symmetric = !qopt.packed<40x64xf16, #qopt.grouped<bits = 4, group = 32, symmetric>, #qopt.interleaved<rows = 16>>

// The kernels take bare pointers; a symmetric scheme has no zeros.
// CHECK-DAG: func.func private @qopt_linear_int4_g32_n40_k64(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i64)
// CHECK-DAG: func.func private @qopt_linear_int4_g32_sym_n40_k64(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i64)

// CHECK-LABEL: func.func @matrix
// CHECK: %[[M:.*]] = tensor.dim %arg0
// CHECK: %[[X:.*]] = bufferization.to_buffer %arg0 read_only
// CHECK: %[[Y:.*]] = memref.alloc(%[[M]]) : memref<?x40xf32>
// CHECK: qopt.component %arg1 "packed" : {{.*}} -> memref<3x8x64xi8>
// CHECK: qopt.component %arg1 "scales" : {{.*}} -> memref<3x2x16xf16>
// CHECK: qopt.component %arg1 "zeros" : {{.*}} -> memref<3x2x16xi8>
// CHECK: call @qopt_linear_int4_g32_n40_k64
// CHECK: %[[RESULT:.*]] = bufferization.to_tensor %[[Y]] restrict writable
// CHECK: math.exp %[[RESULT]]
func.func @matrix(%x: tensor<?x64xf32>, %w: !packed) -> tensor<?x40xf32> {
  %0 = qopt.linear %x, %w : tensor<?x64xf32>, !packed -> tensor<?x40xf32>
  %1 = math.exp %0 : tensor<?x40xf32>
  return %1 : tensor<?x40xf32>
}

// Linears of one spec share a kernel; any rank, any bias.
// CHECK-LABEL: func.func @ranks
// CHECK: tensor.expand_shape %arg0
// CHECK: call @qopt_linear_int4_g32_sym_n40_k64
// CHECK: tensor.collapse_shape
// CHECK: arith.extf %arg3 : tensor<40xf16> to tensor<40xf32>
// CHECK: arith.addf {{.*}} : tensor<40xf32>
// CHECK: tensor.collapse_shape %arg1
// CHECK: call @qopt_linear_int4_g32_sym_n40_k64
// CHECK: tensor.expand_shape
// CHECK: linalg.broadcast
// CHECK: arith.addf {{.*}} : tensor<2x?x40xf32>
func.func @ranks(%x: tensor<64xf32>, %z: tensor<2x?x64xf32>, %w: !symmetric, %bias: tensor<40xf16>)
    -> (tensor<40xf32>, tensor<2x?x40xf32>) {
  %0 = qopt.linear %x, %w, %bias : tensor<64xf32>, !symmetric, tensor<40xf16> -> tensor<40xf32>
  %1 = qopt.linear %z, %w, %bias : tensor<2x?x64xf32>, !symmetric, tensor<40xf16> -> tensor<2x?x40xf32>
  return %0, %1 : tensor<40xf32>, tensor<2x?x40xf32>
}

// CHECK-LABEL: func.func @uncovered
// CHECK-COUNT-3: qopt.linear
func.func @uncovered(%x: tensor<?x64xf32>, %f: tensor<40x64xf16>,
                     %b: !qopt.packed<40x64xf16, #qopt.gguf<q4_0>, #qopt.blocks>,
                     %r: !qopt.packed<40x64xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.interleaved<rows = 8>>) -> tensor<?x40xf32> {
  // expected-remark @below {{stays, because the weight is not packed}}
  %0 = qopt.linear %x, %f : tensor<?x64xf32>, tensor<40x64xf16> -> tensor<?x40xf32>
  // expected-remark @below {{stays, because the layout of the weight is not #qopt.interleaved}}
  %1 = qopt.linear %x, %b : tensor<?x64xf32>, !qopt.packed<40x64xf16, #qopt.gguf<q4_0>, #qopt.blocks> -> tensor<?x40xf32>
  // expected-remark @below {{stays, because kernels take blocks of 16 rows, not 8}}
  %2 = qopt.linear %x, %r : tensor<?x64xf32>, !qopt.packed<40x64xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.interleaved<rows = 8>> -> tensor<?x40xf32>
  %3 = arith.addf %0, %1 : tensor<?x40xf32>
  %4 = arith.addf %3, %2 : tensor<?x40xf32>
  return %4 : tensor<?x40xf32>
}

// One module of kernels; every one exists once, for the CPU asked for, and
// works on vectors of 16 rows.
// CHECK: module @qopt_cpu_kernels attributes {llvm.target_triple
// CHECK: func.func @qopt_linear_int4_g32_n40_k64_blocks({{.*}}llvm.noalias{{.*}}target_cpu = "x86-64-v4"
// CHECK: call @qopt_linear_int4_g32_n40_k64_prepare
// CHECK: call @qopt_linear_int4_g32_n40_k64_row
// CHECK: call @qopt_linear_int4_g32_n40_k64_blocks_rows
// CHECK: func.func @qopt_linear_int4_g32_n40_k64(
// CHECK: func.func @qopt_linear_int4_g32_n40_k64_prepare(
// CHECK: func.func @qopt_linear_int4_g32_n40_k64_row(
// CHECK: vector.load {{.*}} : memref<3x8x64xi8>, vector<64xi8>
// CHECK: vector.fma {{.*}} : vector<16xf32>
// CHECK: vector.maskedstore
// CHECK: func.func @qopt_linear_int4_g32_n40_k64_blocks_rows(
// CHECK: func.func @qopt_linear_int4_g32_sym_n40_k64_blocks(
// CHECK: func.func @qopt_linear_int4_g32_sym_n40_k64(
// CHECK: func.func @qopt_linear_int4_g32_sym_n40_k64_prepare(
// CHECK: func.func @qopt_linear_int4_g32_sym_n40_k64_row(
// CHECK: func.func @qopt_linear_int4_g32_sym_n40_k64_blocks_rows(
// CHECK-NOT: func.func
