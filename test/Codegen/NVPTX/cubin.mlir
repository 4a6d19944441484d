// REQUIRES: ptxas
// RUN: qopt %s --lower-to-nvptx="chip=sm_90" --emit=cubin -o %t.cubin
// RUN: head -c 4 %t.cubin | FileCheck %s

// CHECK: ELF

!w = !qopt.packed<8x64xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>
func.func @f(%x: tensor<?x64xf32>, %w: !w) -> tensor<?x8xf32> {
  %0 = qopt.linear %x, %w : tensor<?x64xf32>, !w -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
