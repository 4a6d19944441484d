// RUN: qopt %s --gguf-quantize="type=q8_0" --split-input-file | FileCheck %s
// RUN: qopt %s --gguf-quantize="type=q4_0 head=true" --split-input-file | FileCheck %s --check-prefix=Q4

// A splat has the largest magnitude everywhere: code 127 of scale 0.5/127 in
// Q8_0, code 0 (that is -8) of scale -0.0625 in Q4_0.
// CHECK: @w(#qopt.inline<{blocks = dense<{{\[\[}}8, 28{{(, 127)+}}]]> : tensor<1x34xi8>}>) : !qopt.quant<1x32xf16, #qopt.gguf<q8_0>>
// CHECK: load_const @w : !qopt.quant<1x32xf16, #qopt.gguf<q8_0>>
// Q4: @w(#qopt.inline<{blocks = dense<{{\[\[}}0, -84{{(, 0)+}}]]> : tensor<1x18xi8>}>) : !qopt.quant<1x32xf16, #qopt.gguf<q4_0>>
ml_program.global private @w(dense<0.5> : tensor<1x32xf16>) : tensor<1x32xf16>
func.func @f(%x: tensor<?x32xf32>) -> tensor<?x1xf32> {
  %w = ml_program.global_load_const @w : tensor<1x32xf16>
  %y = qopt.linear %x, %w : tensor<?x32xf32>, tensor<1x32xf16> -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// -----

// With llm.block, only the linears of blocks are quantized, unless asked.
// CHECK: @inner({{.*}}) : !qopt.quant<32x32xf32, #qopt.gguf<q8_0>>
// CHECK: @table({{.*}}) : tensor<8x32xf32>
// CHECK: @last({{.*}}) : tensor<8x32xf32>
// Q4: @inner({{.*}}) : !qopt.quant<32x32xf32, #qopt.gguf<q4_0>>
// Q4: @table({{.*}}) : tensor<8x32xf32>
// Q4: @last({{.*}}) : !qopt.quant<8x32xf32, #qopt.gguf<q4_0>>
module attributes {llm.entry = @entry} {
  ml_program.global private @inner(dense<1.0> : tensor<32x32xf32>) : tensor<32x32xf32>
  ml_program.global private @table(dense<1.0> : tensor<8x32xf32>) : tensor<8x32xf32>
  ml_program.global private @last(dense<1.0> : tensor<8x32xf32>) : tensor<8x32xf32>
  func.func @block(%x: tensor<?x32xf32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x32xf32> attributes {llm.block = 0 : i64} {
    %w = ml_program.global_load_const @inner : tensor<32x32xf32>
    %y = qopt.linear %x, %w : tensor<?x32xf32>, tensor<32x32xf32> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
  func.func @entry(%tokens: tensor<?xi32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> {
    %table = ml_program.global_load_const @table : tensor<8x32xf32>
    %x = llm.embedding %tokens, %table : tensor<?xi32>, tensor<8x32xf32> -> tensor<?x32xf32>
    %b = call @block(%x, %pos, %kv) : (tensor<?x32xf32>, tensor<?xi32>, !llm.kv_cache) -> tensor<?x32xf32>
    %w = ml_program.global_load_const @last : tensor<8x32xf32>
    %y = qopt.linear %b, %w : tensor<?x32xf32>, tensor<8x32xf32> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
