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

func.func @f(%x: tensor<?x8xf32>, %g: tensor<8xf16>, %b: tensor<4xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{a vector of 4 entries does not fit 8 channels}}
  %n = llm.layer_norm %x, %g, %b {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf16>, tensor<4xf32>
  return %n : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<8xf16>) -> tensor<?x8xf32> {
  // expected-error @+1 {{eps must not be negative}}
  %n = llm.layer_norm %x, %g {eps = -1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf16>
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

// -----

func.func @f(%t: tensor<?xi32>, %table: tensor<16x8xf16>) {
  // expected-error @+1 {{scale must be positive}}
  %0 = llm.embedding %t, %table {scale = 0.0 : f32} : tensor<?xi32>, tensor<16x8xf16> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %pos: tensor<?xi32>) {
  // expected-error @+1 {{rotary_dim must be even and at most 8, but is 3}}
  %0 = llm.rope %x, %pos {head_dim = 8 : i64, rotary_dim = 3 : i64, theta = 1.0e4 : f64} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %pos: tensor<?xi32>) {
  // expected-error @+1 {{rotary_dim must be even and at most 8, but is 10}}
  %0 = llm.rope %x, %pos {head_dim = 8 : i64, rotary_dim = 10 : i64, theta = 1.0e4 : f64} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %pos: tensor<?xi32>) {
  // expected-error @+1 {{rotary_dim must be even and at most 8, but is 0}}
  %0 = llm.rope %x, %pos {head_dim = 8 : i64, rotary_dim = 0 : i64, theta = 1.0e4 : f64} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %pos: tensor<?xi32>) {
  // expected-error @+1 {{has 3 factors for 2 frequencies}}
  %0 = llm.rope %x, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64, scaling = #llm.long_rope<short = [1.0, 1.0, 1.0], long = [1.0, 1.0, 1.0], original_context = 8, magnitude = 1.0>} : tensor<?x8xf32>, tensor<?xi32>
  return
}

// -----

// expected-error @+1 {{factor must be positive}}
func.func private @f() attributes {s = #llm.yarn_rope<factor = 0.0, beta_fast = 32.0, beta_slow = 1.0, original_context = 8, magnitude = 1.0>}

// -----

// expected-error @+1 {{beta_slow must be positive and less than beta_fast}}
func.func private @f() attributes {s = #llm.yarn_rope<factor = 2.0, beta_fast = 1.0, beta_slow = 1.0, original_context = 8, magnitude = 1.0>}

// -----

// expected-error @+1 {{original_context must be at least 1}}
func.func private @f() attributes {s = #llm.yarn_rope<factor = 2.0, beta_fast = 32.0, beta_slow = 1.0, original_context = 0, magnitude = 1.0>}

// -----

// expected-error @+1 {{magnitude must be positive}}
func.func private @f() attributes {s = #llm.yarn_rope<factor = 2.0, beta_fast = 32.0, beta_slow = 1.0, original_context = 8, magnitude = 0.0>}

// -----

// expected-error @+1 {{there are 1 short factors, but 2 long ones}}
func.func private @f() attributes {s = #llm.long_rope<short = [1.0], long = [1.0, 1.0], original_context = 8, magnitude = 1.0>}

// -----

// expected-error @+1 {{factors must be positive}}
func.func private @f() attributes {s = #llm.long_rope<short = [1.0], long = [-1.0], original_context = 8, magnitude = 1.0>}

// -----

// expected-error @+1 {{original_context must be at least 1}}
func.func private @f() attributes {s = #llm.long_rope<short = [1.0], long = [1.0], original_context = 0, magnitude = 1.0>}

// -----

// expected-error @+1 {{magnitude must be positive}}
func.func private @f() attributes {s = #llm.long_rope<short = [1.0], long = [1.0], original_context = 8, magnitude = -1.0>}

// -----

func.func @f(%x: tensor<?x8xf32>, %kv: !llm.kv_cache) {
  // expected-error @+1 {{softcap must be positive}}
  %a = llm.attention %x, %x, %x, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32, softcap = 0.0 : f32} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{cap must be positive}}
  %0 = llm.softcap %x {cap = -1.0 : f32} : tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{channels 6 to 10 are not within 8}}
  %0 = llm.slice %x {offset = 6 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{channels -1 to 3 are not within 8}}
  %0 = llm.slice %x {offset = -1 : i64} : tensor<?x8xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<2x8xf32>) {
  // expected-error @+1 {{input and output differ in their tokens}}
  %0 = llm.slice %x {offset = 0 : i64} : tensor<2x8xf32> -> tensor<3x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{top_k must be 1 to 8, but is 0}}
  %0 = llm.route %x {top_k = 0 : i64} : tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{top_k must be 1 to 8, but is 9}}
  %0 = llm.route %x {top_k = 9 : i64} : tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>) {
  // expected-error @+1 {{there is no expert 2 among 2}}
  %0 = llm.dispatch %x, %w {expert = 2 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<3x8xf32>, %w: tensor<2x2xf32>) {
  // expected-error @+1 {{needs one row of weights per token}}
  %0 = llm.dispatch %x, %w {expert = 0 : i64} : tensor<3x8xf32>, tensor<2x2xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>) {
  // expected-error @+1 {{the rows of an expert are a 'tensor<?x8xf32>'}}
  %0 = llm.dispatch %x, %w {expert = 0 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %w: tensor<?x2xf32>) {
  // expected-error @+1 {{has 1 outputs for 2 experts}}
  %0 = llm.combine %w(%x) : tensor<?x2xf32> -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %w: tensor<2x1xf32>) {
  // expected-error @+1 {{needs one row of weights per token}}
  %0 = llm.combine %w(%x) : tensor<2x1xf32> -> tensor<3x8xf32>
  return
}
