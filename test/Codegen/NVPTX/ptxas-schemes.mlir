// REQUIRES: ptxas
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a" --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s
// RUN: qopt %s --lower-to-nvptx="activations=bf16" --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s

// Schemes of several bit planes, with levels and with minima: no kernel uses the
// stack or spills, and wgmma is not serialized.
// CHECK-NOT: {{wgmma|Performance|[1-9][0-9]* bytes stack frame}}
// CHECK: qopt_linear_q4_k_n4096_k4096_stream_m8
// CHECK: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CHECK-NOT: {{wgmma|Performance|[1-9][0-9]* bytes stack frame}}

!int8 = !qopt.packed<4096x4096xf16, #qopt.grouped<bits = 8, group = 128>, #qopt.mma>
!int3 = !qopt.packed<4096x4096xf16, #qopt.grouped<bits = 3, group = 128, symmetric>, #qopt.mma>
!q4 = !qopt.packed<4096x4096xf16, #qopt.gguf<q4_k>, #qopt.mma>
!q6 = !qopt.packed<4096x4096xf16, #qopt.gguf<q6_k>, #qopt.mma>
func.func @int8(%x: tensor<?x4096xf32>, %w: !int8) -> tensor<?x4096xf32> {
  %y = qopt.linear %x, %w : tensor<?x4096xf32>, !int8 -> tensor<?x4096xf32>
  return %y : tensor<?x4096xf32>
}
func.func @int3(%x: tensor<?x4096xf32>, %w: !int3) -> tensor<?x4096xf32> {
  %y = qopt.linear %x, %w : tensor<?x4096xf32>, !int3 -> tensor<?x4096xf32>
  return %y : tensor<?x4096xf32>
}
func.func @q4(%x: tensor<?x4096xf32>, %w: !q4) -> tensor<?x4096xf32> {
  %y = qopt.linear %x, %w : tensor<?x4096xf32>, !q4 -> tensor<?x4096xf32>
  return %y : tensor<?x4096xf32>
}
func.func @q6(%x: tensor<?x4096xf32>, %w: !q6) -> tensor<?x4096xf32> {
  %y = qopt.linear %x, %w : tensor<?x4096xf32>, !q6 -> tensor<?x4096xf32>
  return %y : tensor<?x4096xf32>
}
