// RUN: qopt %s --canonicalize --cse | FileCheck %s

// Attention appends to the cache: it is neither removed nor merged.
// CHECK-LABEL: @attention_stays
func.func @attention_stays(%q: tensor<?x8xf32>, %kv: !llm.kv_cache) {
  // CHECK-COUNT-2: llm.attention
  %0 = llm.attention %q, %q, %q, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  %1 = llm.attention %q, %q, %q, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @pure_ops_merge
func.func @pure_ops_merge(%x: tensor<?x8xf32>, %g: tensor<8xf16>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-COUNT-1: llm.rms_norm
  // CHECK-NOT: llm.rms_norm
  %0 = llm.rms_norm %x, %g {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf16>
  %1 = llm.rms_norm %x, %g {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf16>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}
