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

// CHECK-LABEL: @layer_norm
func.func @layer_norm(%x: tensor<?x8xf32>, %g: tensor<8xf16>, %b: tensor<8xf32>) -> tensor<?x8xf32> {
  // CHECK: llm.layer_norm %{{.*}}, %{{.*}}, %{{.*}} {eps = 9.99999974E-6 : f32} : tensor<?x8xf32>, tensor<8xf16>, tensor<8xf32>
  %n = llm.layer_norm %x, %g, %b {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf16>, tensor<8xf32>
  // CHECK: llm.layer_norm %{{.*}}, %{{.*}} {eps = 9.99999974E-6 : f32} : tensor<?x8xf32>, tensor<8xf16>
  %m = llm.layer_norm %n, %g {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf16>
  return %m : tensor<?x8xf32>
}

// CHECK-LABEL: @attributes
func.func @attributes(%tokens: tensor<?xi32>, %pos: tensor<?xi32>, %table: tensor<16x8xf16>, %g: tensor<8xf16>,
                      %q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %kv: !llm.kv_cache) {
  // CHECK: llm.embedding {{.*}} {scale = 2.500000e+00 : f32}
  %x = llm.embedding %tokens, %table {scale = 2.5 : f32} : tensor<?xi32>, tensor<16x8xf16> -> tensor<?x8xf32>
  // CHECK: llm.rms_norm {{.*}} {eps = 9.99999997E-7 : f32, offset = 1.000000e+00 : f32}
  %n = llm.rms_norm %x, %g {eps = 1.0e-06 : f32, offset = 1.0 : f32} : tensor<?x8xf32>, tensor<8xf16>
  // CHECK: llm.rope {{.*}} {head_dim = 8 : i64, rotary_dim = 6 : i64, theta
  %p = llm.rope %n, %pos {head_dim = 8 : i64, theta = 1.0e4 : f64, rotary_dim = 6 : i64} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: #llm.yarn_rope<factor = 4.000000e+00, beta_fast = 3.200000e+01, beta_slow = 1.000000e+00, original_context = 32768, magnitude = 1.138600e+00>
  %y = llm.rope %n, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64, scaling = #llm.yarn_rope<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original_context = 32768, magnitude = 1.1386>} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: #llm.long_rope<short = [1.000000e+00, 1.050000e+00], long = [1.100000e+00, 3.200000e+01], original_context = 4096, magnitude = 1.190000e+00>
  %l = llm.rope %n, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64, scaling = #llm.long_rope<short = [1.0, 1.05], long = [1.1, 32.0], original_context = 4096, magnitude = 1.19>} : tensor<?x8xf32>, tensor<?xi32>
  // CHECK: llm.attention {{.*}} {heads = 2 : i64, kv_heads = 1 : i64, layer = 0 : i64, scale = 5.000000e-01 : f32, softcap = 5.000000e+01 : f32, window = 4 : i64}
  %a = llm.attention %y, %k, %k, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f32, window = 4 : i64, softcap = 50.0 : f32} : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
  // CHECK: llm.softcap %{{.*}} {cap = 3.000000e+01 : f32} : tensor<?x8xf32>
  %c = llm.softcap %a {cap = 30.0 : f32} : tensor<?x8xf32>
  // CHECK: llm.slice %{{.*}} {offset = 2 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>
  %s = llm.slice %c {offset = 2 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>
  return
}

// CHECK-LABEL: @experts
func.func @experts(%x: tensor<?x8xf32>, %logits: tensor<?x2xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[W:.*]] = llm.route %{{.*}} {normalize, top_k = 1 : i64} : tensor<?x2xf32>
  %w = llm.route %logits {normalize, top_k = 1 : i64} : tensor<?x2xf32>
  // CHECK: %[[X0:.*]] = llm.dispatch %{{.*}}, %[[W]] {expert = 0 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
  %x0 = llm.dispatch %x, %w {expert = 0 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
  %x1 = llm.dispatch %x, %w {expert = 1 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
  // CHECK: llm.combine %[[W]](%[[X0]], %{{.*}}) : tensor<?x2xf32> -> tensor<?x8xf32>
  %y = llm.combine %w(%x0, %x1) : tensor<?x2xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// A static number of tokens says nothing about those of an expert.
// CHECK-LABEL: @static_experts
func.func @static_experts(%x: tensor<5x8xf32>, %w: tensor<5x1xf32>) -> tensor<5x8xf32> {
  %x0 = llm.dispatch %x, %w {expert = 0 : i64} : tensor<5x8xf32>, tensor<5x1xf32> -> tensor<?x8xf32>
  // CHECK: llm.combine %{{.*}}(%{{.*}}) : tensor<5x1xf32> -> tensor<5x8xf32>
  %y = llm.combine %w(%x0) : tensor<5x1xf32> -> tensor<5x8xf32>
  return %y : tensor<5x8xf32>
}
