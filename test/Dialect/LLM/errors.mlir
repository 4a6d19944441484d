// RUN: qopt %s --split-input-file --verify-diagnostics

func.func @f(%t: tensor<?xi32>, %table: tensor<16x8xf16>) -> tensor<?x4xf32> {
  // expected-error @+1 {{output has 4 channels, but the table has 8 columns}}
  %x = llm.embedding %t, %table : tensor<?xi32>, tensor<16x8xf16> -> tensor<?x4xf32>
  return %x : tensor<?x4xf32>
}

// -----

func.func @f(%t: tensor<2xi32>, %table: tensor<16x8xf16>) -> tensor<3x8xf32> {
  // expected-error @+1 {{needs one output row per token}}
  %x = llm.embedding %t, %table : tensor<2xi32>, tensor<16x8xf16> -> tensor<3x8xf32>
  return %x : tensor<3x8xf32>
}

// -----

func.func @f(%t: tensor<?xi32>, %table: tensor<?x8xf16>) -> tensor<?x8xf32> {
  // expected-error @+1 {{needs a table of static shape}}
  %x = llm.embedding %t, %table : tensor<?xi32>, tensor<?x8xf16> -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<3xf16>) -> tensor<?x8xf32> {
  // expected-error @+1 {{a weight of 3 entries does not divide 8 channels}}
  %n = llm.rms_norm %x, %g {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<3xf16>
  return %n : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<8xf16>) -> tensor<?x8xf32> {
  // expected-error @+1 {{eps must not be negative}}
  %n = llm.rms_norm %x, %g {eps = -1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf16>
  return %n : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x8xf32>, %pos: tensor<?xi32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{head_dim must be even and divide 8 channels, but is 3}}
  %r = llm.rope %x, %pos {head_dim = 3 : i64, theta = 1.0e4 : f64} : tensor<?x8xf32>, tensor<?xi32>
  return %r : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x8xf32>, %pos: tensor<?xi32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{theta must be positive}}
  %r = llm.rope %x, %pos {head_dim = 4 : i64, theta = 0.0 : f64} : tensor<?x8xf32>, tensor<?xi32>
  return %r : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<2x8xf32>, %pos: tensor<3xi32>) -> tensor<2x8xf32> {
  // expected-error @+1 {{needs one position per token}}
  %r = llm.rope %x, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64} : tensor<2x8xf32>, tensor<3xi32>
  return %r : tensor<2x8xf32>
}

// -----

// expected-error @+1 {{factor must be positive}}
func.func private @f() attributes {s = #llm.linear_rope<factor = 0.0>}

// -----

// expected-error @+1 {{factor must be positive}}
func.func private @f() attributes {s = #llm.llama3_rope<factor = -8.0, low_freq = 1.0, high_freq = 4.0, original_context = 8192>}

// -----

// expected-error @+1 {{low_freq must be positive and less than high_freq}}
func.func private @f() attributes {s = #llm.llama3_rope<factor = 8.0, low_freq = 4.0, high_freq = 4.0, original_context = 8192>}

// -----

// expected-error @+1 {{original_context must be at least 1}}
func.func private @f() attributes {s = #llm.llama3_rope<factor = 8.0, low_freq = 1.0, high_freq = 4.0, original_context = 0>}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llm.kv_cache) {
  // expected-error @+1 {{3 heads are not a multiple of 2 kv_heads}}
  %a = llm.attention %q, %q, %q, %kv {layer = 0 : i64, heads = 3 : i64, kv_heads = 2 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x9xf32>, %kv: !llm.kv_cache) {
  // expected-error @+1 {{9 query channels are not a multiple of 2 heads}}
  %a = llm.attention %q, %q, %q, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32} : tensor<?x9xf32>, tensor<?x9xf32>, tensor<?x9xf32> -> tensor<?x9xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llm.kv_cache) {
  // expected-error @+1 {{key has 8 channels, but 1 kv_heads of 4 make 4}}
  %a = llm.attention %q, %q, %q, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %v: tensor<?x4xf32>, %kv: !llm.kv_cache) {
  // expected-error @+1 {{value and output channels do not match the heads}}
  %a = llm.attention %q, %v, %v, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%q: tensor<2x8xf32>, %k: tensor<3x8xf32>, %kv: !llm.kv_cache) {
  // expected-error @+1 {{query, key, value and output differ in their tokens}}
  %a = llm.attention %q, %k, %k, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32} : tensor<2x8xf32>, tensor<3x8xf32>, tensor<3x8xf32> -> tensor<2x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llm.kv_cache) {
  // expected-error @+1 {{layer must not be negative}}
  %a = llm.attention %q, %q, %q, %kv {layer = -1 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llm.kv_cache) {
  // expected-error @+1 {{window must be at least 1}}
  %a = llm.attention %q, %q, %q, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32, window = 0 : i64} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}
