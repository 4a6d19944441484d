// RUN: qopt %s --convert-linear-to-gpu --canonicalize | FileCheck %s
// RUN: qopt %s --convert-linear-to-gpu="activations=bf16 chip=sm_90a" | FileCheck %s --check-prefix=BF16
// RUN: qopt %s --convert-linear-to-gpu="chip=sm_90a warpgroup-shapes=2x32x4" --canonicalize | FileCheck %s --check-prefix=CLUSTER
// RUN: qopt %s --convert-linear-to-gpu="stripes=2" --canonicalize | FileCheck %s --check-prefix=STRIPES

!w64 = !qopt.packed<48x256xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>
!wsym = !qopt.packed<48x256xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>

// CHECK: module attributes {gpu.container_module}
// BF16: gpu.module @qopt_kernels [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx80">]
// CHECK: gpu.module @qopt_kernels [#nvvm.target<O = 3, chip = "sm_80", features = "+ptx74">]

// Four blocks share the columns of the one tile of 128 outputs.
// CLUSTER: \22n_tiles\22:1,\22m_tile\22:32,\22persistent\22:false,\22cluster\22:4,
// CLUSTER: gpu.func @qopt_linear_int4_g64_n48_k256_warpgroup_2x32x4({{.*}}nvvm.cluster_dim = array<i32: 4, 1, 1>
// CLUSTER: %[[FOUR:.*]] = arith.constant 4 : index
// CLUSTER: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g64_n48_k256_warpgroup_2x32x4 blocks in (%[[FOUR]],

// Blocks that share tiles get a workspace of 4096 bytes of flags, which are
// zeros, and two times 16 x 32 sums.
// STRIPES: tile_m16\22,\22max_m\22:16,{{.*}}\22n_tiles\22:2,\22m_tile\22:16,\22persistent\22:true,\22cluster\22:1,\22overlap\22:false,\22workspace\22:8192}
// STRIPES: gpu.func @qopt_linear_int4_g64_n48_k256_tile_m16({{.*}}: i32, %{{.*}}: !llvm.ptr {llvm.align = 16 : i64, llvm.noalias}) kernel
// STRIPES: %[[SPACE:.*]] = memref.alloc() {alignment = 16 : i64, bufferization.manual_deallocation} : memref<2048xi32>
// STRIPES: %[[FLAGS:.*]] = memref.subview %[[SPACE]][0] [1024] [1]
// STRIPES: linalg.fill ins(%{{.*}} : i32) outs(%[[FLAGS]] :
// STRIPES: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g64_n48_k256_tile_m16 {{.*}} : i32, %{{.*}} : !llvm.ptr)
// STRIPES-NEXT: memref.dealloc %[[SPACE]] {bufferization.manual_deallocation}

// The table says how each kernel is launched.
// CHECK: llvm.mlir.global external constant @qopt_dispatch("{\22version\22:2,\22chip\22:\22sm_80\22,\22kernels\22:[{\22linear\22:\22qopt_linear_int4_g64_n48_k256\22
// CHECK-SAME: \22entry\22:\22qopt_linear_int4_g64_n48_k256_stream_m8\22,\22max_m\22:8,\22block\22:64,
// CHECK-SAME: \22n_tiles\22:3,\22m_tile\22:8,\22persistent\22:true,
// CHECK-SAME: \22entry\22:\22qopt_linear_int4_g128_sym_n48_k256_tile_any\22,\22max_m\22:0,
// CHECK-SAME: ],\22permutations\22:[{\22entry\22:\22qopt_permute_k256\22,\22k\22:256,\22block\22:128,\22n_tiles\22:1,\22m_tile\22:1,\22overlap\22:false}]}
// CHECK-SAME: addr_space = 1

// Kernels are shared by both linears of one shape and scheme.
// CHECK: gpu.func @qopt_permute_k256(%{{.*}}: !llvm.ptr {llvm.align = 16 : i64}, %{{.*}}: !llvm.ptr {llvm.align = 16 : i64, llvm.noalias}, %{{.*}}: !llvm.ptr {llvm.align = 16 : i64}, %{{.*}}: i32) kernel
// CHECK: gpu.func @qopt_linear_int4_g64_n48_k256_stream_m8(%{{.*}}: !llvm.ptr {llvm.align = 16 : i64, llvm.noalias}, %{{.*}}: !llvm.ptr {{.*}}, %{{.*}}: !llvm.ptr {{.*}}, %{{.*}}: !llvm.ptr {{.*}}, %{{.*}}: !llvm.ptr {llvm.align = 16 : i64, llvm.noalias}, %{{.*}}: i32) kernel attributes {nvvm.minctasm = 2 : i32, nvvm.reqntid = array<i32: 64, 1, 1>}
// CHECK: gpu.func @qopt_linear_int4_g64_n48_k256_tile_m16(
// CHECK: gpu.func @qopt_linear_int4_g64_n48_k256_tile_m32(
// CHECK: gpu.func @qopt_linear_int4_g64_n48_k256_tile_m64(
// CHECK: gpu.func @qopt_linear_int4_g64_n48_k256_tile_any(
// CHECK: gpu.func @qopt_linear_int4_g128_sym_n48_k256_stream_m8(
// CHECK-COUNT-4: gpu.func @qopt_linear_int4_g128_sym_n48_k256_tile
// CHECK-NOT: gpu.func

// CHECK-LABEL: func.func @shared
// CHECK-SAME: %[[X:.*]]: tensor<?x256xf32>, %[[W:.*]]: !qopt.packed
// CHECK-DAG: %[[TILES:.*]] = arith.constant 3 : index
// CHECK-DAG: %[[THREADS:.*]] = arith.constant 64 : index
// CHECK-DAG: %[[EIGHT:.*]] = arith.constant 8 : index
// CHECK: %[[M:.*]] = tensor.dim %[[X]]
// CHECK: %[[NARROW:.*]] = arith.truncf %[[X]] : tensor<?x256xf32> to tensor<?x256xf16>
// CHECK: %[[IN:.*]] = bufferization.to_buffer %[[NARROW]] read_only
// CHECK: memref.extract_aligned_pointer_as_index %[[IN]]
// CHECK: qopt.component %[[W]] "packed" : {{.*}} -> memref<4x4x512xi8>
// CHECK: qopt.component %[[W]] "scales" : {{.*}} -> memref<4x4x16xf16>
// CHECK: qopt.component %[[W]] "zeros" : {{.*}} -> memref<4x4x16xi8>
// CHECK: %[[OUT:.*]] = memref.alloc(%[[M]]) {{.*}} : memref<?x48xf16>
// CHECK: %[[FEW:.*]] = arith.cmpi ule, %[[M]], %[[EIGHT]]
// CHECK: scf.if %[[FEW]]
// CHECK: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g64_n48_k256_stream_m8 blocks in (%[[TILES]], %{{.*}}, %{{.*}}) threads in (%[[THREADS]], %{{.*}}, %{{.*}}) dynamic_shared_memory_size %{{.*}} args({{((%[^ ]+ : !llvm.ptr, ){5}%[^ ]+ : i32)}})
// CHECK: } else {
// CHECK: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g64_n48_k256_tile_any
// CHECK: %[[Y:.*]] = bufferization.to_tensor %[[OUT]]
// CHECK: arith.extf %[[Y]] : tensor<?x48xf16> to tensor<?x48xf32>
// CHECK: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g64_n48_k256_stream_m8
// CHECK: arith.addf
// BF16: arith.truncf {{.*}} to tensor<?x256xbf16>
func.func @shared(%x: tensor<?x256xf32>, %w: !w64) -> tensor<?x48xf32> {
  %0 = qopt.linear %x, %w : tensor<?x256xf32>, !w64 -> tensor<?x48xf32>
  %1 = qopt.linear %x, %w : tensor<?x256xf32>, !w64 -> tensor<?x48xf32>
  %2 = arith.addf %0, %1 : tensor<?x48xf32>
  return %2 : tensor<?x48xf32>
}

// A symmetric scheme has no zero points, and a bias is added in f32.
// CHECK-LABEL: func.func @bias
// CHECK-SAME: %[[B:[a-z0-9]*]]: tensor<48xf16>
// CHECK-NOT: "zeros"
// Three rows are few enough for the first kernel.
// CHECK-NOT: scf.if
// CHECK: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g128_sym_n48_k256_stream_m8 {{.*}} args({{((%[^ ]+ : !llvm.ptr, ){4}%[^ ]+ : i32)}})
// CHECK: %[[Y:.*]] = arith.extf {{.*}} to tensor<3x48xf32>
// CHECK: %[[WIDE:.*]] = arith.extf %[[B]] : tensor<48xf16> to tensor<48xf32>
// CHECK: %[[ROWS:.*]] = linalg.broadcast ins(%[[WIDE]] : tensor<48xf32>) {{.*}} dimensions = [0]
// CHECK: arith.addf %[[Y]], %[[ROWS]] : tensor<3x48xf32>
func.func @bias(%x: tensor<3x256xf32>, %w: !wsym, %b: tensor<48xf16>) -> tensor<3x48xf32> {
  %0 = qopt.linear %x, %w, %b : tensor<3x256xf32>, !wsym, tensor<48xf16> -> tensor<3x48xf32>
  return %0 : tensor<3x48xf32>
}

// Leading dimensions are rows of x.
// CHECK-LABEL: func.func @ranks
// CHECK: tensor.expand_shape {{.*}} : tensor<256xf32> into tensor<1x256xf32>
// CHECK: gpu.launch_func
// CHECK: tensor.collapse_shape {{.*}} : tensor<1x48xf32> into tensor<48xf32>
// CHECK: tensor.collapse_shape {{.*}} : tensor<?x5x256xf32> into tensor<?x256xf32>
// CHECK: gpu.launch_func
// CHECK: tensor.expand_shape {{.*}} : tensor<?x48xf32> into tensor<?x5x48xf32>
func.func @ranks(%x: tensor<256xf32>, %z: tensor<?x5x256xf32>, %w: !w64) -> (tensor<48xf32>, tensor<?x5x48xf32>) {
  %0 = qopt.linear %x, %w : tensor<256xf32>, !w64 -> tensor<48xf32>
  %1 = qopt.linear %z, %w : tensor<?x5x256xf32>, !w64 -> tensor<?x5x48xf32>
  return %0, %1 : tensor<48xf32>, tensor<?x5x48xf32>
}

// Channels in another order: a launch before the linears, whose result goes on
// as it is; the table says how.
// CHECK-LABEL: func.func @permuted
// CHECK-SAME: %[[X:.*]]: tensor<?x256xf32>, %[[W:.*]]: !qopt.packed
// CHECK: %[[NARROW:.*]] = arith.truncf %[[X]] : tensor<?x256xf32> to tensor<?x256xf16>
// CHECK: %[[IN:.*]] = bufferization.to_buffer %[[NARROW]] read_only
// CHECK: %[[ORDER:.*]] = bufferization.to_buffer %{{.*}} read_only : tensor<256xi32> to memref<256xi32>
// CHECK: %[[SORTED:.*]] = memref.alloc({{.*}}) {{.*}} : memref<?x256xf16>
// CHECK: gpu.launch_func @qopt_kernels::@qopt_permute_k256 blocks in (%{{.*}}) threads in (%{{.*}}) dynamic_shared_memory_size %{{.*}} args({{((%[^ ]+ : !llvm.ptr, ){3}%[^ ]+ : i32)}})
// CHECK-NOT: arith.truncf
// CHECK: memref.extract_aligned_pointer_as_index %[[SORTED]]
// CHECK: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g64_n48_k256_stream_m8
// CHECK-NOT: qopt_permute
// CHECK: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g64_n48_k256_stream_m8
func.func @permuted(%x: tensor<?x256xf32>, %w: !w64) -> (tensor<?x48xf32>, tensor<?x48xf32>) {
  %0 = qopt.permute_channels %x [5, 82, 159, 236, 57, 134, 211, 32, 109, 186, 7, 84, 161, 238, 59, 136, 213, 34, 111, 188, 9, 86, 163, 240, 61, 138, 215, 36, 113, 190, 11, 88, 165, 242, 63, 140, 217, 38, 115, 192, 13, 90, 167, 244, 65, 142, 219, 40, 117, 194, 15, 92, 169, 246, 67, 144, 221, 42, 119, 196, 17, 94, 171, 248, 69, 146, 223, 44, 121, 198, 19, 96, 173, 250, 71, 148, 225, 46, 123, 200, 21, 98, 175, 252, 73, 150, 227, 48, 125, 202, 23, 100, 177, 254, 75, 152, 229, 50, 127, 204, 25, 102, 179, 0, 77, 154, 231, 52, 129, 206, 27, 104, 181, 2, 79, 156, 233, 54, 131, 208, 29, 106, 183, 4, 81, 158, 235, 56, 133, 210, 31, 108, 185, 6, 83, 160, 237, 58, 135, 212, 33, 110, 187, 8, 85, 162, 239, 60, 137, 214, 35, 112, 189, 10, 87, 164, 241, 62, 139, 216, 37, 114, 191, 12, 89, 166, 243, 64, 141, 218, 39, 116, 193, 14, 91, 168, 245, 66, 143, 220, 41, 118, 195, 16, 93, 170, 247, 68, 145, 222, 43, 120, 197, 18, 95, 172, 249, 70, 147, 224, 45, 122, 199, 20, 97, 174, 251, 72, 149, 226, 47, 124, 201, 22, 99, 176, 253, 74, 151, 228, 49, 126, 203, 24, 101, 178, 255, 76, 153, 230, 51, 128, 205, 26, 103, 180, 1, 78, 155, 232, 53, 130, 207, 28, 105, 182, 3, 80, 157, 234, 55, 132, 209, 30, 107, 184] : tensor<?x256xf32>
  %1 = qopt.linear %0, %w : tensor<?x256xf32>, !w64 -> tensor<?x48xf32>
  %2 = qopt.linear %0, %w : tensor<?x256xf32>, !w64 -> tensor<?x48xf32>
  return %1, %2 : tensor<?x48xf32>, tensor<?x48xf32>
}
