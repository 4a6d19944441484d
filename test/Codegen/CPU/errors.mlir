// RUN: not qopt %s --convert-linear-to-cpu="cpu=x86-64-v9" 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: not qopt %s --convert-linear-to-cpu="cpu=x86-64-v3 features=+warp" 2>&1 | FileCheck %s --check-prefix=FEATURE
// RUN: not qopt %s --convert-linear-to-cpu="cpu=x86-64-v3" 2>&1 | FileCheck %s --check-prefix=SYMBOL
// RUN: not qopt %s --emit=obj 2>&1 | FileCheck %s --check-prefix=EMIT

// CPU: error: LLVM knows no CPU 'x86-64-v9'
// FEATURE: error: LLVM knows no feature 'warp'
// SYMBOL: error: 'qopt.linear' op needs the symbol @qopt_linear_int4_g32_n16_k32, which is taken
// EMIT: error: the module has no CPU kernels: run lower-to-llvm-cpu

!packed = !qopt.packed<16x32xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.interleaved<rows = 16>>
func.func private @qopt_linear_int4_g32_n16_k32()
func.func @f(%x: tensor<?x32xf32>, %w: !packed) -> tensor<?x16xf32> {
  %0 = qopt.linear %x, %w : tensor<?x32xf32>, !packed -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}
