// Every target gets the instructions for products of bytes that it has, and no
// other: LLVM would abort on an intrinsic that it cannot select.
// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64-v4 features=+avx512vnni" --emit=obj -o %t.vnni.o
// RUN: llvm-objdump -d %t.vnni.o | FileCheck %s --check-prefix=VNNI
// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64-v3 features=+avxvnni" --emit=obj -o %t.avxvnni.o
// RUN: llvm-objdump -d %t.avxvnni.o | FileCheck %s --check-prefix=AVXVNNI
// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64-v4" --emit=obj -o %t.v4.o
// RUN: llvm-objdump -d %t.v4.o | FileCheck %s --check-prefix=WORDS --implicit-check-not=vpdpbusd
// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64-v3" --emit=obj -o %t.v3.o
// RUN: llvm-objdump -d %t.v3.o | FileCheck %s --check-prefix=WORDS --implicit-check-not=vpdpbusd --implicit-check-not=zmm
// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64-v2" --emit=obj -o %t.v2.o
// RUN: llvm-objdump -d %t.v2.o | FileCheck %s --check-prefix=SSSE3 --implicit-check-not=ymm
// RUN: qopt %s --lower-to-llvm-cpu="cpu=x86-64" --emit=obj -o %t.v1.o
// RUN: llvm-objdump -d %t.v1.o | FileCheck %s --check-prefix=PLAIN --implicit-check-not=pmaddubsw --implicit-check-not=pshufb
// RUN: llvm-nm %t.vnni.o %t.avxvnni.o %t.v4.o %t.v3.o %t.v2.o %t.v1.o | FileCheck %s --check-prefix=SYMBOLS

// Four columns of x are broadcast from memory by the product itself.
// VNNI: vpdpbusd {{.*}}{1to16}, %zmm
// AVXVNNI: {vex} vpdpbusd {{.*}}%ymm
// WORDS: vpmaddubsw
// SSSE3: pmaddubsw
// PLAIN: pmuludq

// No library function is called.
// SYMBOLS-NOT: {{ U }}
module {
  ml_program.global private @w(#qopt.inline<{blocks = dense<17> : tensor<16x144xi8>}>) : !qopt.quant<16x256xf16, #qopt.gguf<q4_k>>
  ml_program.global private @v(#qopt.inline<{blocks = dense<17> : tensor<16x136xi8>}>) : !qopt.quant<16x256xf16, #qopt.gguf<iq4_xs>>
  func.func @f(%x: tensor<?x256xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
    %w = ml_program.global_load_const @w : !qopt.quant<16x256xf16, #qopt.gguf<q4_k>>
    %0 = qopt.linear %x, %w : tensor<?x256xf32>, !qopt.quant<16x256xf16, #qopt.gguf<q4_k>> -> tensor<?x16xf32>
    %v = ml_program.global_load_const @v : !qopt.quant<16x256xf16, #qopt.gguf<iq4_xs>>
    %1 = qopt.linear %x, %v : tensor<?x256xf32>, !qopt.quant<16x256xf16, #qopt.gguf<iq4_xs>> -> tensor<?x16xf32>
    return %0, %1 : tensor<?x16xf32>, tensor<?x16xf32>
  }
}
