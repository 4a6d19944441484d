// REQUIRES: ptxas
// RUN: qopt %s --lower-to-nvptx --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s
// RUN: %ptxas -arch=sm_90 -v %t.ptx -o %t.cubin > %t.report 2>&1 && FileCheck %s < %t.report
// RUN: FileCheck %s --check-prefix=REGISTERS < %t.report
// RUN: qopt %s --lower-to-nvptx="activations=bf16" --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=BF16
// RUN: qopt %s --lower-to-nvptx="chip=sm_86" --emit=ptx | %ptxas -arch=sm_86 -o %t.cubin -
// RUN: qopt %s --lower-to-nvptx="chip=sm_89" --emit=ptx | %ptxas -arch=sm_89 -o %t.cubin -
// RUN: qopt %s --lower-to-nvptx="chip=sm_90 activations=bf16" --emit=ptx | %ptxas -arch=sm_90 -o %t.cubin -
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a" --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=SM90A
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a activations=bf16" --emit=ptx -o %t.ptx
// RUN: %ptxas -arch=sm_90a -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s --check-prefix=SM90A
// RUN: qopt %s --lower-to-nvptx="chip=sm_100" --emit=ptx | %ptxas -arch=sm_100 -o %t.cubin -

// No kernel uses the stack or spills, and two streaming kernels of 512 threads
// share a processor (REGISTERS).
// CHECK-COUNT-30: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CHECK-NOT: stack frame
// BF16-COUNT-24: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// BF16-NOT: stack frame
// Nor does wgmma have to be serialized.
// SM90A-NOT: {{wgmma|Performance|[1-9][0-9]* bytes stack frame}}
// SM90A: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// SM90A-NOT: {{wgmma|Performance|[1-9][0-9]* bytes stack frame}}
// REGISTERS: Compiling entry function 'qopt_linear_int4_g128_sym_n4096_k2048_stream_m8'
// REGISTERS: Used {{([1-5][0-9]|6[0-4])}} registers

!g32 = !qopt.packed<4096x4096xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.mma>
!g64 = !qopt.packed<256x768xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>
!g128 = !qopt.packed<4096x14336xf16, #qopt.grouped<bits = 4, group = 128>, #qopt.mma>
!g128s = !qopt.packed<4096x2048xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>
!row = !qopt.packed<4096x4096xf16, #qopt.grouped<bits = 4, group = -1>, #qopt.mma>
!odd = !qopt.packed<40x2056xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.mma>
func.func @f(%x: tensor<?x4096xf32>, %a: tensor<?x768xf32>, %d: tensor<?x2048xf32>, %b: tensor<?x14336xf32>, %c: tensor<?x2056xf32>,
             %w0: !g32, %w1: !g64, %w2: !g128, %w3: !g128s, %w4: !row, %w5: !odd)
    -> (tensor<?x4096xf32>, tensor<?x256xf32>, tensor<?x4096xf32>, tensor<?x4096xf32>, tensor<?x4096xf32>, tensor<?x40xf32>) {
  %0 = qopt.linear %x, %w0 : tensor<?x4096xf32>, !g32 -> tensor<?x4096xf32>
  %1 = qopt.linear %a, %w1 : tensor<?x768xf32>, !g64 -> tensor<?x256xf32>
  %2 = qopt.linear %b, %w2 : tensor<?x14336xf32>, !g128 -> tensor<?x4096xf32>
  %3 = qopt.linear %d, %w3 : tensor<?x2048xf32>, !g128s -> tensor<?x4096xf32>
  %4 = qopt.linear %x, %w4 : tensor<?x4096xf32>, !row -> tensor<?x4096xf32>
  %5 = qopt.linear %c, %w5 : tensor<?x2056xf32>, !odd -> tensor<?x40xf32>
  return %0, %1, %2, %3, %4, %5 : tensor<?x4096xf32>, tensor<?x256xf32>, tensor<?x4096xf32>, tensor<?x4096xf32>, tensor<?x4096xf32>, tensor<?x40xf32>
}
