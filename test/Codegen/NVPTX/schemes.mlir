// The PTX of kernels for every scheme but 4-bit groups (numerics.mlir), executed
// instruction by instruction on the CPU.
// RUN: qopt %s --lower-to-nvptx --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 8 --only "stream|any" > %t.out && FileCheck %s < %t.out
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a activations=bf16 warpgroup-shapes=1x16,2x32x2" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 3 17 --only "stream|warpgroup" > %t.out && FileCheck %s --check-prefix=WGMMA < %t.out
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a warpgroup-shapes=2x128" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 17 --only warpgroup > %t.out && FileCheck %s --check-prefix=F16 < %t.out

// F16-COUNT-14: _warpgroup_2x128x1 {{.*}} ok
// F16-NOT: WRONG

// CHECK-NOT: WRONG
// CHECK: qopt_linear_int8_g64_n8_k200_stream_m8 {{.*}} ok
// CHECK-NOT: WRONG
// CHECK: qopt_linear_q6_k_n16_k256_tile_any {{.*}} ok
// CHECK-NOT: WRONG

// WGMMA-NOT: WRONG
// WGMMA: qopt_linear_q6_k_n16_k256_warpgroup_1x16x1 {{.*}} ok
// WGMMA: qopt_linear_q6_k_n16_k256_warpgroup_2x32x2 {{.*}} ok
// WGMMA-NOT: WRONG

!int8 = !qopt.packed<8x200xf16, #qopt.grouped<bits = 8, group = 64>, #qopt.mma>
!int3 = !qopt.packed<24x264xf16, #qopt.grouped<bits = 3, group = 128, symmetric>, #qopt.mma>
!int2 = !qopt.packed<8x192xf16, #qopt.grouped<bits = 2, group = 32>, #qopt.mma>
!int5 = !qopt.packed<8x72xf16, #qopt.grouped<bits = 5, group = -1, symmetric>, #qopt.mma>
!int6 = !qopt.packed<8x136xf16, #qopt.grouped<bits = 6, group = 16>, #qopt.mma>
!q80 = !qopt.packed<8x160xf16, #qopt.gguf<q8_0>, #qopt.mma>
!q40 = !qopt.packed<8x96xf16, #qopt.gguf<q4_0>, #qopt.mma>
!q51 = !qopt.packed<8x160xf16, #qopt.gguf<q5_1>, #qopt.mma>
!q2 = !qopt.packed<8x256xf16, #qopt.gguf<q2_k>, #qopt.mma>
!q3 = !qopt.packed<8x256xf16, #qopt.gguf<q3_k>, #qopt.mma>
!q4 = !qopt.packed<8x512xf16, #qopt.gguf<q4_k>, #qopt.mma>
!q5 = !qopt.packed<8x256xf16, #qopt.gguf<q5_k>, #qopt.mma>
!tq = !qopt.packed<8x256xf16, #qopt.gguf<tq2_0>, #qopt.mma>
!q6 = !qopt.packed<16x256xf16, #qopt.gguf<q6_k>, #qopt.mma>
func.func @int8(%x: tensor<?x200xf32>, %w: !int8) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x200xf32>, !int8 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @int3(%x: tensor<?x264xf32>, %w: !int3) -> tensor<?x24xf32> {
  %y = qopt.linear %x, %w : tensor<?x264xf32>, !int3 -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}
func.func @int2(%x: tensor<?x192xf32>, %w: !int2) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x192xf32>, !int2 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @int5(%x: tensor<?x72xf32>, %w: !int5) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x72xf32>, !int5 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @int6(%x: tensor<?x136xf32>, %w: !int6) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x136xf32>, !int6 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @q80(%x: tensor<?x160xf32>, %w: !q80) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x160xf32>, !q80 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @q40(%x: tensor<?x96xf32>, %w: !q40) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x96xf32>, !q40 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @q51(%x: tensor<?x160xf32>, %w: !q51) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x160xf32>, !q51 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @q2(%x: tensor<?x256xf32>, %w: !q2) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x256xf32>, !q2 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @q3(%x: tensor<?x256xf32>, %w: !q3) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x256xf32>, !q3 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @q4(%x: tensor<?x512xf32>, %w: !q4) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x512xf32>, !q4 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @q5(%x: tensor<?x256xf32>, %w: !q5) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x256xf32>, !q5 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @tq(%x: tensor<?x256xf32>, %w: !tq) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x256xf32>, !tq -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @q6(%x: tensor<?x256xf32>, %w: !q6) -> tensor<?x16xf32> {
  %y = qopt.linear %x, %w : tensor<?x256xf32>, !q6 -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
