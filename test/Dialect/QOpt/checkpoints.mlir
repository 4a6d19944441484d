// RUN: qopt %s --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: #qopt.gptq>, {{.*}}#qopt.gptq<zeros = v2, scales = bf16, columns = sorted>>
func.func private @gptq(!qopt.packed<64x96xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.gptq<zeros = v1>>,
                        !qopt.packed<64x96xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.gptq<zeros = v2, scales = bf16, columns = sorted>>)
// CHECK: #qopt.awq>, {{.*}}#qopt.awq<scales = bf16>>
func.func private @awq(!qopt.packed<64x96xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.awq>,
                       !qopt.packed<64x96xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.awq<scales = bf16>>)
// CHECK: #qopt.pack_quantized>, {{.*}}#qopt.pack_quantized<words = whole>>
func.func private @pack(!qopt.packed<64x96xf16, #qopt.grouped<bits = 3, group = 32>, #qopt.pack_quantized>,
                        !qopt.packed<64x96xf16, #qopt.grouped<bits = 3, group = 32>, #qopt.pack_quantized<words = whole>>)

// -----

func.func @components(%w: !qopt.packed<64x96xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.gptq>) {
  // CHECK: -> memref<12x64xi32>
  %0 = qopt.component %w "qweight" : !qopt.packed<64x96xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.gptq> -> memref<12x64xi32>
  // CHECK: -> memref<3x8xi32>
  %1 = qopt.component %w "qzeros" : !qopt.packed<64x96xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.gptq> -> memref<3x8xi32>
  // CHECK: -> memref<96xi32>
  %2 = qopt.component %w "g_idx" : !qopt.packed<64x96xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.gptq> -> memref<96xi32>
  return
}

// -----

// expected-error@+1 {{#qopt.gptq holds grouped schemes, not #qopt.gguf<q4_0>}}
func.func private @f(!qopt.packed<8x64xf16, #qopt.gguf<q4_0>, #qopt.gptq>)

// -----

// expected-error@+1 {{GPTQ checkpoints hold codes of 2, 3, 4 or 8 bits, not 5; quantize to one of these, or export to compressed-tensors}}
func.func private @f(!qopt.packed<64x64xf16, #qopt.grouped<bits = 5, group = 64>, #qopt.gptq>)

// -----

// expected-error@+1 {{AWQ checkpoints hold 4-bit codes, not 3-bit ones; quantize to int4, or export to gptq or compressed-tensors}}
func.func private @f(!qopt.packed<64x64xf16, #qopt.grouped<bits = 3, group = 64>, #qopt.awq>)

// -----

// expected-error@+1 {{compressed-tensors needs a group that divides the 100 columns, not 32; quantize with another --group}}
func.func private @f(!qopt.packed<8x100xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.pack_quantized>)

// -----

// expected-error@+1 {{scales are f16, bf16 or f32, not 'i8'}}
func.func private @f(!qopt.packed<8x64xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.awq<scales = i8>>)
