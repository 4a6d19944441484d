// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64-v4 exact" | FileCheck %s
// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64-v3" --emit=llvm | FileCheck %s --check-prefix=LLVM
// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64-v4 exact" --emit=obj -o %t.o
// RUN: llvm-nm %t.o | FileCheck %s --check-prefix=SYMBOLS
// RUN: llvm-objdump -d %t.o | FileCheck %s --check-prefix=ASM
// RUN: qopt %s --lower-to-llvm-cpu --emit=so -o %t.so
// RUN: llvm-nm -D %t.so | FileCheck %s --check-prefix=SYMBOLS

// A quantized weight is packed, its linear becomes a call, and only the module
// of kernels is lowered to LLVM.
// CHECK: ml_program.global private @w({{.*}}) : !qopt.packed<16x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>, #qopt.interleaved<rows = 16>>
// CHECK: func.func @f
// CHECK: call @qopt_linear_int4_g32_sym_n16_k32
// CHECK: module @qopt_cpu_kernels
// CHECK: llvm.func @qopt_linear_int4_g32_sym_n16_k32_blocks(%{{.*}}: !llvm.ptr {llvm.noalias{{.*}}target_cpu = "x86-64-v4"
// CHECK: llvm.intr.fmuladd{{.*}}vector<16xf32>
// CHECK-NOT: unrealized_conversion_cast

// LLVM: define void @qopt_linear_int4_g32_sym_n16_k32(ptr noalias
// LLVM: "target-cpu"="x86-64-v3"

// No library function is called.
// SYMBOLS-NOT: {{ U }}
// SYMBOLS: T qopt_linear_int4_g32_sym_n16_k32
// SYMBOLS: T qopt_linear_int4_g32_sym_n16_k32_blocks
// SYMBOLS-NOT: {{ U }}

// A code is masked and inserted in one instruction and multiplied by x from
// memory in another; nothing is done per element.
// ASM: vpternlogd {{.*}}%zmm
// ASM: vfmadd231ps {{.*}}{1to16}, %zmm
// ASM-NOT: vfmadd{{.*}}ss
module {
  ml_program.global private @w(#qopt.inline<{codes = dense<17> : tensor<16x16xi8>, scales = dense<1.0> : tensor<16x1xf16>}>) : !qopt.quant<16x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>>
  func.func @f(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
    %w = ml_program.global_load_const @w : !qopt.quant<16x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>>
    %0 = qopt.linear %x, %w : tensor<?x32xf32>, !qopt.quant<16x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>> -> tensor<?x16xf32>
    return %0 : tensor<?x16xf32>
  }
}
