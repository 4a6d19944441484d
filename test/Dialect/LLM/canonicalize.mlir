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

// CHECK-LABEL: @slices
func.func @slices(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x2xf32>) {
  // CHECK-NEXT: %[[S:.*]] = llm.slice %arg0 {offset = 5 : i64} : tensor<?x8xf32> -> tensor<?x2xf32>
  // CHECK-NEXT: return %arg0, %[[S]]
  %all = llm.slice %x {offset = 0 : i64} : tensor<?x8xf32> -> tensor<?x8xf32>
  %half = llm.slice %all {offset = 4 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>
  %part = llm.slice %half {offset = 1 : i64} : tensor<?x4xf32> -> tensor<?x2xf32>
  return %all, %part : tensor<?x8xf32>, tensor<?x2xf32>
}

// An expert that nobody combines goes away, and what is left stays apart.
// CHECK-LABEL: @experts
func.func @experts(%x: tensor<?x8xf32>, %logits: tensor<?x2xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[X0:.*]] = llm.dispatch {{.*}} {expert = 0 : i64}
  // CHECK-NEXT: %[[X1:.*]] = llm.dispatch {{.*}} {expert = 1 : i64}
  // CHECK-NEXT: llm.combine %{{.*}}(%[[X0]], %[[X1]])
  %w = llm.route %logits {top_k = 1 : i64} : tensor<?x2xf32>
  %x0 = llm.dispatch %x, %w {expert = 0 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
  %x1 = llm.dispatch %x, %w {expert = 1 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
  %unused = llm.dispatch %x, %w {expert = 1 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
  %y = llm.combine %w(%x0, %x1) : tensor<?x2xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
