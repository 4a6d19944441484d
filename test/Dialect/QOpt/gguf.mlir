// RUN: qopt %s | qopt | FileCheck %s
// RUN: qopt %s --emit-bytecode | qopt | FileCheck %s

// Every row of the format table is a scheme.
// CHECK: @legacy(!qopt.quant<8x64xf16, #qopt.gguf<q4_1>>, !qopt.quant<8x64xf16, #qopt.gguf<q5_0>>, !qopt.quant<8x64xf16, #qopt.gguf<q5_1>>)
func.func private @legacy(!qopt.quant<8x64xf16, #qopt.gguf<q4_1>>, !qopt.quant<8x64xf16, #qopt.gguf<q5_0>>, !qopt.quant<8x64xf16, #qopt.gguf<q5_1>>)
// CHECK: @k(!qopt.quant<8x256xf16, #qopt.gguf<q2_k>>, !qopt.quant<8x256xf16, #qopt.gguf<q3_k>>, !qopt.quant<8x256xf16, #qopt.gguf<q4_k>>, !qopt.quant<8x256xf16, #qopt.gguf<q5_k>>, !qopt.quant<8x256xf16, #qopt.gguf<q6_k>>)
func.func private @k(!qopt.quant<8x256xf16, #qopt.gguf<q2_k>>, !qopt.quant<8x256xf16, #qopt.gguf<q3_k>>, !qopt.quant<8x256xf16, #qopt.gguf<q4_k>>, !qopt.quant<8x256xf16, #qopt.gguf<q5_k>>, !qopt.quant<8x256xf16, #qopt.gguf<q6_k>>)
// CHECK: @others(!qopt.quant<8x32xf16, #qopt.gguf<iq4_nl>>, !qopt.quant<8x256xf16, #qopt.gguf<iq4_xs>>, !qopt.quant<8x32xf16, #qopt.gguf<mxfp4>>, !qopt.quant<8x256xf16, #qopt.gguf<tq1_0>>, !qopt.quant<8x256xf16, #qopt.gguf<tq2_0>>)
func.func private @others(!qopt.quant<8x32xf16, #qopt.gguf<iq4_nl>>, !qopt.quant<8x256xf16, #qopt.gguf<iq4_xs>>, !qopt.quant<8x32xf16, #qopt.gguf<mxfp4>>, !qopt.quant<8x256xf16, #qopt.gguf<tq1_0>>, !qopt.quant<8x256xf16, #qopt.gguf<tq2_0>>)
// CHECK: @packed(!qopt.packed<8x256xf16, #qopt.gguf<q4_k>, #qopt.blocks>)
func.func private @packed(!qopt.packed<8x256xf16, #qopt.gguf<q4_k>, #qopt.blocks>)
