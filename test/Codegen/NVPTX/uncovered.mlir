// RUN: qopt %s --lower-to-nvptx --verify-diagnostics | FileCheck %s
// RUN: not qopt %s --lower-to-nvptx="chip=sm_75" 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: not qopt %s --lower-to-nvptx="processors=-1" 2>&1 | FileCheck %s --check-prefix=PROCESSORS
// RUN: not qopt %s --lower-to-nvptx="stripes=-2" 2>&1 | FileCheck %s --check-prefix=STRIPES
// RUN: not qopt %s --lower-to-nvptx --emit=ptx -o %t.none 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not ls %t.none
// RUN: not qopt %s --emit=bin 2>&1 | FileCheck %s --check-prefix=KIND

// CHIP: error: unknown chip 'sm_75'; known are sm_80, sm_86, sm_89, sm_90, sm_90a, sm_100
// PROCESSORS: error: processors must be at least 1, not -1
// STRIPES: error: stripes must be at least 1, 0 for none or -1 for a choice, not -2
// NONE: error: the module holds no PTX
// KIND: qopt: error: --emit=bin is unknown; known are mlir, mlirbc, ptx, cubin

// What no kernel covers stays as it is.
// CHECK-NOT: gpu
// CHECK-COUNT-3: qopt.linear
func.func @f(%x: tensor<?x64xf32>, %float: tensor<8x64xf16>,
             %quant: !qopt.quant<8x64xf16, #qopt.grouped<bits = 3, group = 32>>,
             %blocks: !qopt.packed<8x64xf16, #qopt.gguf<q4_0>, #qopt.blocks>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  // expected-remark@+1 {{no GPU kernel: the weight is not quantized}}
  %0 = qopt.linear %x, %float : tensor<?x64xf32>, tensor<8x64xf16> -> tensor<?x8xf32>
  // expected-remark@+1 {{no GPU kernel: the weight is quantized but not packed}}
  %1 = qopt.linear %x, %quant : tensor<?x64xf32>, !qopt.quant<8x64xf16, #qopt.grouped<bits = 3, group = 32>> -> tensor<?x8xf32>
  // expected-remark@+1 {{no GPU kernel for the layout #qopt.blocks}}
  %2 = qopt.linear %x, %blocks : tensor<?x64xf32>, !qopt.packed<8x64xf16, #qopt.gguf<q4_0>, #qopt.blocks> -> tensor<?x8xf32>
  return %0, %1, %2 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}
