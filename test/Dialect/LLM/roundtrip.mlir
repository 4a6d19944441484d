// RUN: qopt %s | qopt | FileCheck %s
// RUN: qopt %s --emit-bytecode | qopt | FileCheck %s

// CHECK-LABEL: @ops
func.func @ops(%tokens: tensor<?xi32>, %pos: tensor<?xi32>, %table: tensor<16x8xf16>, %g: tensor<8xf16>,
               %q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> {
  // CHECK: llm.embedding %{{.*}}, %{{.*}} : tensor<?xi32>, tensor<16x8xf16> -> tensor<?x8xf32>
  %x = llm.embedding %tokens, %table : tensor<?xi32>, tensor<16x8xf16> -> tensor<?x8xf32>
  // CHECK: llm.rms_norm %{{.*}}, %{{.*}} {eps = 9.99999974E-6 : f32} : tensor<?x8xf32>, tensor<8xf16>
  %n = llm.rms_norm %x, %g {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf16>
  // CHECK: llm.rope %{{.*}}, %{{.*}} {head_dim = 4 : i64, theta = 1.000000e+04 : f64} : tensor<?x8xf32>, tensor<?xi32>
  %r = llm.rope %n, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: llm.rope %{{.*}}, %{{.*}} {head_dim = 4 : i64, interleaved, theta = 1.000000e+04 : f64}
  %i = llm.rope %n, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64, interleaved} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: scaling = #llm.linear_rope<factor = 2.000000e+00>
  %s = llm.rope %r, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64, scaling = #llm.linear_rope<factor = 2.0>} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: scaling = #llm.llama3_rope<factor = 8.000000e+00, low_freq = 1.000000e+00, high_freq = 4.000000e+00, original_context = 8192>
  %t = llm.rope %s, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64, scaling = #llm.llama3_rope<factor = 8.0, low_freq = 1.0, high_freq = 4.0, original_context = 8192>} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: llm.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {heads = 2 : i64, kv_heads = 1 : i64, layer = 0 : i64, scale = 5.000000e-01 : f32} : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  %a = llm.attention %t, %k, %k, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  // CHECK: llm.gated %{{.*}}, %{{.*}} {activation = #llm.activation<silu>} : tensor<?x8xf32>
  %h = llm.gated %a, %q {activation = #llm.activation<silu>} : tensor<?x8xf32>
  return %h : tensor<?x8xf32>
}
