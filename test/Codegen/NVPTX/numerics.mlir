// The PTX of every kernel, executed instruction by instruction on the CPU: all
// kernels of a linear for every M that they take.
// RUN: qopt %s --lower-to-nvptx --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 1 7 17 | FileCheck %s
// RUN: qopt %s --lower-to-nvptx="chip=sm_90 activations=bf16" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 2 8 70 | FileCheck %s

// RUN: qopt %s --lower-to-nvptx="chip=sm_90a" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only warpgroup 3 70 > %t.out && FileCheck %s --check-prefix=WGMMA < %t.out
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a activations=bf16" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only warpgroup 16 100 > %t.out && FileCheck %s --check-prefix=WGMMA < %t.out

// WGMMA-NOT: WRONG
// WGMMA: qopt_linear_int4_g256_n72_k512_warpgroup_any {{.*}} ok
// WGMMA-NOT: WRONG

// CHECK-NOT: WRONG
// CHECK: qopt_linear_int4_g64_n32_k128_stream_m8 {{.*}} ok
// CHECK-NOT: WRONG
// CHECK: qopt_linear_int4_g256_n72_k512_tile_any {{.*}} ok
// CHECK-NOT: WRONG

!a = !qopt.packed<32x128xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>
!b = !qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = -1, symmetric>, #qopt.mma>
!c = !qopt.packed<8x1160xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.mma>
!d = !qopt.packed<72x512xf16, #qopt.grouped<bits = 4, group = 256>, #qopt.mma>
func.func @f(%xa: tensor<?x128xf32>, %xb: tensor<?x264xf32>, %xc: tensor<?x1160xf32>, %xd: tensor<?x512xf32>, %a: !a, %b: !b, %c: !c, %d: !d)
    -> (tensor<?x32xf32>, tensor<?x40xf32>, tensor<?x8xf32>, tensor<?x72xf32>) {
  %0 = qopt.linear %xa, %a : tensor<?x128xf32>, !a -> tensor<?x32xf32>
  %1 = qopt.linear %xb, %b : tensor<?x264xf32>, !b -> tensor<?x40xf32>
  %2 = qopt.linear %xc, %c : tensor<?x1160xf32>, !c -> tensor<?x8xf32>
  %3 = qopt.linear %xd, %d : tensor<?x512xf32>, !d -> tensor<?x72xf32>
  return %0, %1, %2, %3 : tensor<?x32xf32>, tensor<?x40xf32>, tensor<?x8xf32>, tensor<?x72xf32>
}
