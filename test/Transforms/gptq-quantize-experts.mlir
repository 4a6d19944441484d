// RUN: qopt %s --gptq-quantize="bits=4 group=4 text=%models/novella-7m/sample.txt ctx=16 samples=2" -o %t.gptq 2>&1 | FileCheck %s
// RUN: qopt %s --rtn-quantize="bits=4 group=4" -o %t.rtn 2>/dev/null
// RUN: grep '@idle' %t.gptq > %t.idle
// RUN: grep '@idle' %t.rtn | diff %t.idle -
// RUN: grep '@busy' %t.gptq > %t.busy
// RUN: grep '@busy' %t.rtn | not diff -q %t.busy -

// All tokens are alike and go to expert 0. The weights of the other one are
// rounded to the nearest codes.
// CHECK: warning: no calibration sample reaches the inputs of @idle: rounding to nearest
// CHECK-NOT: no calibration sample
module attributes {llm.entry = @forward, llm.config = {max_position_embeddings = 64 : i64},
                   llm.tokenizer = #qopt.file<"../../models/novella-7m/tokenizer.json">} {
  ml_program.global private @embed(dense<1.0> : tensor<4096x8xf32>) : tensor<4096x8xf32>
  ml_program.global private @norm(dense<[1.0, 2.0, 1.0, 3.0, 1.0, 0.5, 1.0, 2.0]> : tensor<8xf32>) : tensor<8xf32>
  ml_program.global private @router(dense<[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0]]> : tensor<2x8xf32>) : tensor<2x8xf32> {qopt.scheme = f32}
  ml_program.global private @busy(dense<[[-0.731, 0.695, 0.528, -0.490, -0.009, -0.101, 0.303, 0.577], [-0.812, -0.943, 0.672, -0.134, 0.525, -0.996, -0.109, 0.443], [-0.542, 0.891, 0.803, -0.939, -0.949, 0.083, 0.878, -0.238], [-0.567, -0.156, -0.942, -0.557, -0.124, -0.008, -0.534, -0.538], [-0.562, -0.081, -0.420, -0.957, 0.675, 0.113, 0.285, -0.628], [0.985, 0.720, -0.758, -0.335, 0.443, 0.422, 0.873, -0.156], [0.660, 0.341, -0.393, 0.175, 0.765, 0.692, 0.011, 0.178], [-0.931, -0.515, 0.595, -0.171, -0.654, 0.098, 0.406, 0.349]]> : tensor<8x8xf32>) : tensor<8x8xf32>
  ml_program.global private @idle(dense<[[-0.251, -0.122, 0.017, 0.557, 0.042, -0.213, -0.021, -0.941], [-0.913, 0.407, 0.966, 0.186, -0.213, -0.659, 0.004, 0.964], [0.541, 0.079, 0.721, -0.536, 0.028, 0.905, 0.156, -0.082], [-0.461, 0.096, 0.914, -0.989, 0.567, 0.641, 0.772, 0.481], [0.618, 0.037, 0.123, -0.148, -0.888, 0.740, 0.140, -0.600], [0.009, -0.030, -0.286, -0.308, 0.077, 0.247, 0.225, -0.084], [-0.944, -0.541, -0.646, 0.169, 0.722, 0.597, 0.594, 0.633], [-0.489, 0.683, 0.346, -0.834, -0.967, -0.971, 0.511, -0.501]]> : tensor<8x8xf32>) : tensor<8x8xf32>
  func.func @block(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llm.block = 0 : i64} {
    %n = ml_program.global_load_const @norm : tensor<8xf32>
    %r = ml_program.global_load_const @router : tensor<2x8xf32>
    %w0 = ml_program.global_load_const @busy : tensor<8x8xf32>
    %w1 = ml_program.global_load_const @idle : tensor<8x8xf32>
    %h = llm.rms_norm %x, %n {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf32>
    %logits = qopt.linear %h, %r : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
    %weights = llm.route %logits {top_k = 1 : i64} : tensor<?x2xf32>
    %x0 = llm.dispatch %h, %weights {expert = 0 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
    %x1 = llm.dispatch %h, %weights {expert = 1 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
    %y0 = qopt.linear %x0, %w0 : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %y1 = qopt.linear %x1, %w1 : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %y = llm.combine %weights (%y0, %y1) : tensor<?x2xf32> -> tensor<?x8xf32>
    %z = arith.addf %x, %y : tensor<?x8xf32>
    return %z : tensor<?x8xf32>
  }
  func.func @forward(%tokens: tensor<?xi32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x4096xf32> {
    %e = ml_program.global_load_const @embed : tensor<4096x8xf32>
    %x = llm.embedding %tokens, %e : tensor<?xi32>, tensor<4096x8xf32> -> tensor<?x8xf32>
    %y = call @block(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %l = qopt.linear %y, %e : tensor<?x8xf32>, tensor<4096x8xf32> -> tensor<?x4096xf32>
    return %l : tensor<?x4096xf32>
  }
}
