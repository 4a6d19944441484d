// From a float weight to PTX in one command line.
// RUN: qopt %s --rtn-quantize="group=32 symmetric=true" --lower-to-nvptx | FileCheck %s
// RUN: qopt %s --rtn-quantize="group=32 symmetric=true" --lower-to-nvptx --emit=ptx | FileCheck %s --check-prefix=PTX
// RUN: rm -rf %t && mkdir -p %t && qopt import %models/novella-7m -o %t/m.mlir
// RUN: qopt %t/m.mlir --rtn-quantize="group=64 archive=q.safetensors" --lower-to-nvptx="archive=p.safetensors" --emit=ptx -o %t/k.ptx
// RUN: FileCheck %s --check-prefix=MODEL < %t/k.ptx

// CHECK: gpu.binary @qopt_kernels [#gpu.object<#nvvm.target<O = 3, chip = "sm_80", features = "+ptx74">
// CHECK: ml_program.global private @w(#qopt.inline<{packed = {{.*}}, scales = {{.*}}}>) : !qopt.packed<8x64xf16, #qopt.grouped<bits = 4, group = 32, symmetric>, #qopt.mma>
// CHECK: gpu.launch_func @qopt_kernels::@qopt_linear_int4_g32_sym_n8_k64_stream_m8
// PTX: .visible .entry qopt_linear_int4_g32_sym_n8_k64_stream_m8(

// Five entries for each of four shapes of the linears of the blocks.
// MODEL-COUNT-20: .visible .entry qopt_linear_int4_g64_n{{[0-9]+}}_k{{[0-9]+}}_
// MODEL-NOT: .visible .entry
ml_program.global private @w(dense<0.5> : tensor<8x64xf16>) : tensor<8x64xf16>
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x8xf32> attributes {llm.block = 0 : i64} {
  %w = ml_program.global_load_const @w : tensor<8x64xf16>
  %0 = qopt.linear %x, %w : tensor<?x64xf32>, tensor<8x64xf16> -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
