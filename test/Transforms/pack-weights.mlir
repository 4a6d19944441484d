// RUN: qopt %s --pack-weights --verify-diagnostics | FileCheck %s --check-prefix=CPU
// RUN: qopt %s --pack-weights="layout=#qopt.interleaved<rows=8>" 2>/dev/null | FileCheck %s --check-prefix=ROWS

// CPU: @w(#qopt.inline<{packed = {{.*}}, scales = {{.*}}}>) : !qopt.packed<16x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>, #qopt.interleaved<rows = 16>>
// ROWS: @w({{.*}}) : !qopt.packed<16x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>, #qopt.interleaved<rows = 8>>
ml_program.global private @w(#qopt.inline<{codes = dense<1> : tensor<16x16xi8>, scales = dense<1.0> : tensor<16x1xf16>}>)
    : !qopt.quant<16x32xf16, #qopt.grouped<bits = 4, group = 32, symmetric>>
// CPU: @blocks(#qopt.inline<{packed = {{.*}}, scales = {{.*}}}>) : !qopt.packed<16x32xf16, #qopt.gguf<q4_0>, #qopt.interleaved<rows = 16>>
ml_program.global private @blocks(#qopt.inline<{blocks = dense<1> : tensor<16x18xi8>}>)
    : !qopt.quant<16x32xf16, #qopt.gguf<q4_0>>
// CPU: @levels(#qopt.inline<{minima = {{.*}}, packed = {{.*}}, scales = {{.*}}, super_minima = {{.*}}, super_scales = {{.*}}}>) : !qopt.packed<16x256xf16, #qopt.gguf<q4_k>, #qopt.interleaved<rows = 16>>
ml_program.global private @levels(#qopt.inline<{blocks = dense<1> : tensor<16x144xi8>}>)
    : !qopt.quant<16x256xf16, #qopt.gguf<q4_k>>
// CPU: @float({{.*}}) : !qopt.quant<16x32xf16, #qopt.gguf<f16>>
// expected-remark @+1 {{not packed: #qopt.interleaved holds quantized schemes, not #qopt.gguf<f16>}}
ml_program.global private @float(#qopt.inline<{blocks = dense<1> : tensor<16x64xi8>}>)
    : !qopt.quant<16x32xf16, #qopt.gguf<f16>>
