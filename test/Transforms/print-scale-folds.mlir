// RUN: qopt %s --print-scale-folds --split-input-file --verify-diagnostics -o /dev/null

// A decoder block with grouped-query attention: two query heads of two channels
// share the values of one. Residuals stand between the producers and the stream.
module {
  ml_program.global private @norm1(dense<1.0> : tensor<4xf16>) : tensor<4xf16>
  ml_program.global private @norm2(dense<1.0> : tensor<4xf16>) : tensor<4xf16>
  ml_program.global private @q(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @k(dense<1.0> : tensor<2x4xf16>) : tensor<2x4xf16>
  ml_program.global private @v(dense<1.0> : tensor<2x4xf16>) : tensor<2x4xf16>
  ml_program.global private @vb(dense<1.0> : tensor<2xf16>) : tensor<2xf16>
  ml_program.global private @o(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @gate(dense<1.0> : tensor<8x4xf16>) : tensor<8x4xf16>
  ml_program.global private @up(dense<1.0> : tensor<8x4xf16>) : tensor<8x4xf16>
  ml_program.global private @down(dense<1.0> : tensor<4x8xf16>) : tensor<4x8xf16>
  func.func @block(%x: tensor<?x4xf32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x4xf32> {
    %n1 = ml_program.global_load_const @norm1 : tensor<4xf16>
    %n2 = ml_program.global_load_const @norm2 : tensor<4xf16>
    %wq = ml_program.global_load_const @q : tensor<4x4xf16>
    %wk = ml_program.global_load_const @k : tensor<2x4xf16>
    %wv = ml_program.global_load_const @v : tensor<2x4xf16>
    %bv = ml_program.global_load_const @vb : tensor<2xf16>
    %wo = ml_program.global_load_const @o : tensor<4x4xf16>
    %wg = ml_program.global_load_const @gate : tensor<8x4xf16>
    %wu = ml_program.global_load_const @up : tensor<8x4xf16>
    %wd = ml_program.global_load_const @down : tensor<4x8xf16>
    %h = llm.rms_norm %x, %n1 {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf16>
    // expected-remark @+1 {{4 scales divide @norm1; multiply columns of @q, columns of @k, columns of @v}}
    %q = qopt.linear %h, %wq : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %k = qopt.linear %h, %wk : tensor<?x4xf32>, tensor<2x4xf16> -> tensor<?x2xf32>
    %v = qopt.linear %h, %wv, %bv : tensor<?x4xf32>, tensor<2x4xf16>, tensor<2xf16> -> tensor<?x2xf32>
    %qr = llm.rope %q, %pos {head_dim = 2 : i64, theta = 1.0e+04 : f64} : tensor<?x4xf32>, tensor<?xi32>
    %kr = llm.rope %k, %pos {head_dim = 2 : i64, theta = 1.0e+04 : f64} : tensor<?x2xf32>, tensor<?xi32>
    %a = llm.attention %qr, %kr, %v, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 1.0 : f32}
        : tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32> -> tensor<?x4xf32>
    // expected-remark @+1 {{2 scales divide rows of @v, @vb; multiply columns of @o}}
    %o = qopt.linear %a, %wo : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %y = arith.addf %x, %o : tensor<?x4xf32>
    %m = llm.rms_norm %y, %n2 {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf16>
    // expected-remark @+1 {{4 scales divide @norm2; multiply columns of @gate, columns of @up}}
    %g = qopt.linear %m, %wg : tensor<?x4xf32>, tensor<8x4xf16> -> tensor<?x8xf32>
    %u = qopt.linear %m, %wu : tensor<?x4xf32>, tensor<8x4xf16> -> tensor<?x8xf32>
    %gu = llm.gated %g, %u {activation = #llm.activation<silu>} : tensor<?x8xf32>
    // expected-remark @+1 {{8 scales divide rows of @up; multiply columns of @down}}
    %d = qopt.linear %gu, %wd : tensor<?x8xf32>, tensor<4x8xf16> -> tensor<?x4xf32>
    %z = arith.addf %y, %d : tensor<?x4xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

// Fused query, key and value, fused gate and up: only the rows that make values
// and ups are scaled. One norm feeds attention and feed-forward in parallel.
module {
  ml_program.global private @norm(dense<1.0> : tensor<4xf16>) : tensor<4xf16>
  ml_program.global private @qkv(dense<1.0> : tensor<12x4xf16>) : tensor<12x4xf16>
  ml_program.global private @o(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @gateup(dense<1.0> : tensor<16x4xf16>) : tensor<16x4xf16>
  ml_program.global private @down(dense<1.0> : tensor<4x8xf16>) : tensor<4x8xf16>
  func.func @block(%x: tensor<?x4xf32>, %kv: !llm.kv_cache) -> tensor<?x4xf32> {
    %n = ml_program.global_load_const @norm : tensor<4xf16>
    %wqkv = ml_program.global_load_const @qkv : tensor<12x4xf16>
    %wo = ml_program.global_load_const @o : tensor<4x4xf16>
    %wgu = ml_program.global_load_const @gateup : tensor<16x4xf16>
    %wd = ml_program.global_load_const @down : tensor<4x8xf16>
    %h = llm.rms_norm %x, %n {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf16>
    // expected-remark @+1 {{4 scales divide @norm; multiply columns of @qkv, columns of @gateup}}
    %qkv = qopt.linear %h, %wqkv : tensor<?x4xf32>, tensor<12x4xf16> -> tensor<?x12xf32>
    %q = llm.slice %qkv {offset = 0 : i64} : tensor<?x12xf32> -> tensor<?x4xf32>
    %k = llm.slice %qkv {offset = 4 : i64} : tensor<?x12xf32> -> tensor<?x4xf32>
    %v = llm.slice %qkv {offset = 8 : i64} : tensor<?x12xf32> -> tensor<?x4xf32>
    %a = llm.attention %q, %k, %v, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 1.0 : f32}
        : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
    // expected-remark @+1 {{4 scales divide rows of @qkv; multiply columns of @o}}
    %o = qopt.linear %a, %wo : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %gu = qopt.linear %h, %wgu : tensor<?x4xf32>, tensor<16x4xf16> -> tensor<?x16xf32>
    %g = llm.slice %gu {offset = 0 : i64} : tensor<?x16xf32> -> tensor<?x8xf32>
    %u = llm.slice %gu {offset = 8 : i64} : tensor<?x16xf32> -> tensor<?x8xf32>
    %m = llm.gated %g, %u {activation = #llm.activation<silu>} : tensor<?x8xf32>
    // expected-remark @+1 {{8 scales divide rows of @gateup; multiply columns of @down}}
    %d = qopt.linear %m, %wd : tensor<?x8xf32>, tensor<4x8xf16> -> tensor<?x4xf32>
    %y = arith.addf %o, %d : tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// A mixture of experts: the norm feeds the router and, row by row, the experts.
module {
  ml_program.global private @norm(dense<1.0> : tensor<4xf16>) : tensor<4xf16>
  ml_program.global private @router(dense<1.0> : tensor<2x4xf16>) : tensor<2x4xf16>
  ml_program.global private @e0(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @e1(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @last(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  func.func @block(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %n = ml_program.global_load_const @norm : tensor<4xf16>
    %wr = ml_program.global_load_const @router : tensor<2x4xf16>
    %w0 = ml_program.global_load_const @e0 : tensor<4x4xf16>
    %w1 = ml_program.global_load_const @e1 : tensor<4x4xf16>
    %wl = ml_program.global_load_const @last : tensor<4x4xf16>
    %h = llm.rms_norm %x, %n {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf16>
    // expected-remark @+1 {{4 scales divide @norm; multiply columns of @router, columns of @e0, columns of @e1}}
    %logits = qopt.linear %h, %wr : tensor<?x4xf32>, tensor<2x4xf16> -> tensor<?x2xf32>
    %weights = llm.route %logits {top_k = 1 : i64} : tensor<?x2xf32>
    %x0 = llm.dispatch %h, %weights {expert = 0 : i64} : tensor<?x4xf32>, tensor<?x2xf32> -> tensor<?x4xf32>
    %x1 = llm.dispatch %h, %weights {expert = 1 : i64} : tensor<?x4xf32>, tensor<?x2xf32> -> tensor<?x4xf32>
    %y0 = qopt.linear %x0, %w0 : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %y1 = qopt.linear %x1, %w1 : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %y = llm.combine %weights (%y0, %y1) : tensor<?x2xf32> -> tensor<?x4xf32>
    // All experts absorb the scales of their sum.
    // expected-remark @+1 {{4 scales divide rows of @e0, rows of @e1; multiply columns of @last}}
    %z = qopt.linear %y, %wl : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    return %z : tensor<?x4xf32>
  }
}

// -----

// Sums need both terms, products one factor, and here the first one cannot be it.
module {
  ml_program.global private @a(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @b(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @c(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @d(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %wa = ml_program.global_load_const @a : tensor<4x4xf16>
    %wb = ml_program.global_load_const @b : tensor<4x4xf16>
    %wc = ml_program.global_load_const @c : tensor<4x4xf16>
    %wd = ml_program.global_load_const @d : tensor<4x4xf16>
    // expected-remark @+1 {{its input cannot be scaled: an argument of the function would have to absorb the scales}}
    %a = qopt.linear %x, %wa : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %b = qopt.linear %x, %wb : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %s = arith.subf %a, %b : tensor<?x4xf32>
    %p = arith.mulf %x, %s : tensor<?x4xf32>
    // expected-remark @+1 {{4 scales divide rows of @a, rows of @b; multiply columns of @c, columns of @d}}
    %c = qopt.linear %p, %wc : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %d = qopt.linear %p, %wd : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %y = arith.addf %c, %d : tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  }
}

// -----

// What is refused, and why.
module {
  ml_program.global private @shared(dense<1.0> : tensor<4xf16>) : tensor<4xf16>
  ml_program.global private @headnorm(dense<1.0> : tensor<2xf16>) : tensor<2xf16>
  ml_program.global private @a(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @b(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @c(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @d(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @e(dense<1.0> : tensor<4x4xf16>) : tensor<4x4xf16>
  ml_program.global private @q8(#qopt.inline<{codes = dense<0> : tensor<4x4xi8>, scales = dense<1.0> : tensor<4x1xf16>}>)
      : !qopt.quant<4x4xf16, #qopt.grouped<bits = 8, group = 4, symmetric>>
  func.func @f(%x: tensor<?x4xf32>, %argument: tensor<4xf32>) -> tensor<?x4xf32> {
    %n = ml_program.global_load_const @shared : tensor<4xf16>
    %hn = ml_program.global_load_const @headnorm : tensor<2xf16>
    %wa = ml_program.global_load_const @a : tensor<4x4xf16>
    %wb = ml_program.global_load_const @b : tensor<4x4xf16>
    %wc = ml_program.global_load_const @c : tensor<4x4xf16>
    %wd = ml_program.global_load_const @d : tensor<4x4xf16>
    %we = ml_program.global_load_const @e : tensor<4x4xf16>
    %w8 = ml_program.global_load_const @q8 : !qopt.quant<4x4xf16, #qopt.grouped<bits = 8, group = 4, symmetric>>
    // Two norms read one weight.
    %h = llm.rms_norm %x, %n {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf16>
    // expected-remark @+1 {{its input cannot be scaled: @shared is read in another place, too}}
    %a = qopt.linear %h, %wa : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %h2 = llm.rms_norm %a, %n {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf16>
    // The weight is an argument.
    %h3 = llm.rms_norm %h2, %argument {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf32>
    // expected-remark @+1 {{its input cannot be scaled: a weight of 'llm.rms_norm' is not the constant value of an ml_program.global}}
    %b = qopt.linear %h3, %wb : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    // No linear function of its channels.
    %cap = llm.softcap %b {cap = 1.0 : f32} : tensor<?x4xf32>
    // expected-remark @+1 {{its input cannot be scaled: 'llm.softcap' computes it and cannot absorb the scales}}
    %c = qopt.linear %cap, %wc : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    // The residual stream reads it behind the linear.
    // expected-remark @+1 {{its input cannot be scaled: 'func.return' reads it, too, and cannot undo the scales}}
    %d = qopt.linear %c, %wd : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    // expected-remark @+1 {{its input cannot be scaled: @q8 is quantized already}}
    %e = qopt.linear %d, %w8 : tensor<?x4xf32>, !qopt.quant<4x4xf16, #qopt.grouped<bits = 8, group = 4, symmetric>> -> tensor<?x4xf32>
    // Both heads share the weights of the norm, and so their scales.
    %r = llm.rms_norm %e, %hn {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<2xf16>
    // expected-remark @+1 {{2 scales divide @headnorm; multiply columns of @e}}
    %g = qopt.linear %r, %we : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    %z = arith.addf %g, %c : tensor<?x4xf32>
    return %z : tensor<?x4xf32>
  }
}
