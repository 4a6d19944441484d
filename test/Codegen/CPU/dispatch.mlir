// RUN: qopt %s --lower-to-llvm-cpu="cpu=sapphirerapids,x86-64-v4+avx512vnni,x86-64-v3" --emit=obj -o %t.o
// RUN: llvm-nm %t.o | FileCheck %s --check-prefix=SYMBOLS --implicit-check-not="{{ U }}"
// RUN: llvm-objdump -d %t.o | FileCheck %s --check-prefix=ASM
// RUN: not qopt %s --lower-to-llvm-cpu="cpu=x86-64-v3,z80" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not qopt %s --lower-to-llvm-cpu="triple=aarch64-linux-gnu cpu=cortex-a76,cortex-a53" 2>&1 | FileCheck %s --check-prefix=ARM

// One function that chooses, and one for each CPU; the lookup is in the object
// and needs no library.
// SYMBOLS-DAG: t qopt_cpu_variant{{$}}
// SYMBOLS-DAG: T qopt_linear_q4_k_n16_k256{{$}}
// SYMBOLS-DAG: T qopt_linear_q4_k_n16_k256_blocks{{$}}
// SYMBOLS-DAG: T qopt_linear_q4_k_n16_k256.v0{{$}}
// SYMBOLS-DAG: T qopt_linear_q4_k_n16_k256_blocks.v1{{$}}
// SYMBOLS-DAG: T qopt_linear_q4_k_n16_k256_blocks.v2{{$}}

// What chooses must run everywhere.
// ASM: <qopt_cpu_variant>:
// ASM-NOT: {{%[yz]mm}}
// ASM: cpuid
// ASM-NOT: {{%[yz]mm}}
// ASM: xgetbv
// ASM: <qopt_linear_q4_k_n16_k256_blocks.v0_tiles>:
// ASM: tdpbf16ps
// ASM: <qopt_linear_q4_k_n16_k256_row.v1>:
// ASM: vpdpbusd {{.*}}%zmm
// ASM: <qopt_linear_q4_k_n16_k256_row.v2>:
// ASM-NOT: {{%zmm|vpdpbusd}}
// ASM: vpmaddubsw {{.*}}%ymm

// UNKNOWN: error: LLVM knows no CPU 'z80'
// ARM: error: kernels for several CPUs in one object are there for x86 only
!w = !qopt.packed<16x256xf16, #qopt.gguf<q4_k>, #qopt.interleaved<rows = 16>>
func.func @f(%x: tensor<?x256xf32>, %w: !w) -> tensor<?x16xf32> {
  %0 = qopt.linear %x, %w : tensor<?x256xf32>, !w -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}
