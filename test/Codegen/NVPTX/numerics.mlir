// The arithmetic of the PTX, executed instruction by instruction on the CPU.
// RUN: qopt %s --lower-to-nvptx --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 32 128 64 asymmetric f16 1 | FileCheck %s
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 40 264 -1 symmetric f16 3 | FileCheck %s
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 8 1160 32 asymmetric f16 17 | FileCheck %s
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 8 512 256 asymmetric f16 16 | FileCheck %s
// RUN: qopt %s --lower-to-nvptx="activations=bf16" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 32 128 64 asymmetric bf16 2 | FileCheck %s
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx 40 264 -1 symmetric bf16 9 | FileCheck %s

// CHECK: qopt_linear_{{.*}} ok

!a = !qopt.packed<32x128xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>
!b = !qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = -1, symmetric>, #qopt.mma>
!c = !qopt.packed<8x1160xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.mma>
!d = !qopt.packed<8x512xf16, #qopt.grouped<bits = 4, group = 256>, #qopt.mma>
func.func @f(%xa: tensor<?x128xf32>, %xb: tensor<?x264xf32>, %xc: tensor<?x1160xf32>, %xd: tensor<?x512xf32>, %a: !a, %b: !b, %c: !c, %d: !d)
    -> (tensor<?x32xf32>, tensor<?x40xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = qopt.linear %xa, %a : tensor<?x128xf32>, !a -> tensor<?x32xf32>
  %1 = qopt.linear %xb, %b : tensor<?x264xf32>, !b -> tensor<?x40xf32>
  %2 = qopt.linear %xc, %c : tensor<?x1160xf32>, !c -> tensor<?x8xf32>
  %3 = qopt.linear %xd, %d : tensor<?x512xf32>, !d -> tensor<?x8xf32>
  return %0, %1, %2, %3 : tensor<?x32xf32>, tensor<?x40xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}
