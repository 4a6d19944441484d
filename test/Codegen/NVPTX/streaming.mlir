// The streaming kernel with several rounds of chunks per tile, long rows in
// segments and batches of tiles, executed instruction by instruction. x and y
// belong to the kernel before this one until griddepcontrol.wait.
// DEFINE: %{check} = %python -B %S/Inputs/check_linear.py %t.ptx --only stream

// RUN: qopt %s --lower-to-nvptx="chip=sm_90 activations=bf16" --emit=ptx -o %t.ptx
// RUN: %{check} 8 > %t.out && FileCheck %s < %t.out
// RUN: FileCheck %s --check-prefix=PTX < %t.ptx
// RUN: qopt %s --lower-to-nvptx="chip=sm_86" --emit=ptx -o %t.ptx
// RUN: %{check} --blocks 1 1 7 > %t.out && FileCheck %s < %t.out

// CHECK-NOT: WRONG
// CHECK: qopt_linear_int4_g128_sym_n16_k2176_stream_m8 m={{[78]}} {{.*}} ok
// CHECK-NOT: WRONG
// CHECK: qopt_linear_int4_grow_sym_n16_k14336_stream_m8 m={{[78]}} {{.*}} ok
// CHECK-NOT: WRONG
// CHECK: qopt_linear_int4_g128_n144_k5120_stream_m8 m={{[78]}} {{.*}} ok
// CHECK-NOT: WRONG

// Nothing is loaded but by cp.async.
// PTX: .visible .entry qopt_linear_int4_g128_sym_n16_k2176_stream_m8
// PTX-NOT: ld.global
// PTX: .visible .entry

!partial = !qopt.packed<16x2176xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>
!queue2 = !qopt.packed<24x4104xf16, #qopt.grouped<bits = 8, group = 128>, #qopt.mma>
!long = !qopt.packed<16x14336xf16, #qopt.grouped<bits = 4, group = -1, symmetric>, #qopt.mma>
!q6 = !qopt.packed<8x4096xf16, #qopt.gguf<q6_k>, #qopt.mma>
!batches = !qopt.packed<144x5120xf16, #qopt.grouped<bits = 4, group = 128>, #qopt.mma>
func.func @partial(%x: tensor<?x2176xf32>, %w: !partial) -> tensor<?x16xf32> {
  %y = qopt.linear %x, %w : tensor<?x2176xf32>, !partial -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
func.func @queue2(%x: tensor<?x4104xf32>, %w: !queue2) -> tensor<?x24xf32> {
  %y = qopt.linear %x, %w : tensor<?x4104xf32>, !queue2 -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}
func.func @long(%x: tensor<?x14336xf32>, %w: !long) -> tensor<?x16xf32> {
  %y = qopt.linear %x, %w : tensor<?x14336xf32>, !long -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
func.func @q6(%x: tensor<?x4096xf32>, %w: !q6) -> tensor<?x8xf32> {
  %y = qopt.linear %x, %w : tensor<?x4096xf32>, !q6 -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @batches(%x: tensor<?x5120xf32>, %w: !batches) -> tensor<?x144xf32> {
  %y = qopt.linear %x, %w : tensor<?x5120xf32>, !batches -> tensor<?x144xf32>
  return %y : tensor<?x144xf32>
}
