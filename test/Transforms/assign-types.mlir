// RUN: qopt %s --assign-types="type=q4_k_m" | FileCheck %s --check-prefixes=CHECK,MIX
// RUN: qopt %s --assign-types="type=q4_k_m pure=true" | FileCheck %s --check-prefixes=CHECK,PURE
// RUN: qopt %s --assign-types="type=q3_k_l token-embedding-type=q8_0 output-tensor-type=bf16 tensor-type=attn_[qv]=q5_k,down=q5_0" | FileCheck %s --check-prefixes=CHECK,OWN
// RUN: qopt %s --assign-types="type=int4 group=64 tensor-type=l0.attn_v=int8,output=q8_0" | FileCheck %s --check-prefixes=CHECK,GROUPED
// RUN: qopt %s --assign-types="type=int3 symmetric=true head=true" | FileCheck %s --check-prefixes=CHECK,HEAD
// RUN: qopt %s --assign-types="type=q4_k_m" --assign-types="type=f16" | FileCheck %s --check-prefixes=CHECK,FLOAT

// What the passes make of it.
// RUN: qopt %s --assign-types="type=q4_k_m" --gguf-quantize="type=q2_k" | FileCheck %s --check-prefixes=CHECK,ENCODED
// RUN: qopt %s --assign-types="type=int4 tensor-type=attn_v=q8_0,output=int6" --rtn-quantize="bits=2" --gguf-quantize | FileCheck %s --check-prefixes=CHECK,BOTH

// MIX: module attributes {{{.*}}qopt.mix = "q4_k_m"
// PURE: qopt.mix = "q4_k_m"
// GROUPED-NOT: qopt.mix
// FLOAT: qopt.mix = "f16"
module attributes {llm.entry = @entry, llm.config = {arch = "llama", num_hidden_layers = 1 : i64, num_attention_heads = 4 : i64, num_key_value_heads = 2 : i64}} {
  // MIX: @embed({{.*}}{qopt.scheme = #qopt.gguf<q4_k>}
  // PURE: @embed({{.*}}{qopt.scheme = #qopt.gguf<q4_k>}
  // OWN: @embed({{.*}}{qopt.scheme = #qopt.gguf<q8_0>}
  // GROUPED: @embed({{.*}} : tensor<8x256xf16>{{$}}
  // HEAD: @embed({{.*}} : tensor<8x256xf16>{{$}}
  // FLOAT: @embed({{.*}}{qopt.scheme = f16}
  // ENCODED: @embed({{.*}} : !qopt.quant<8x256xf16, #qopt.gguf<q4_k>>{{$}}
  // BOTH: @embed({{.*}} : tensor<8x256xf16>{{$}}
  ml_program.global private @embed(dense<1.0> : tensor<8x256xf16>) : tensor<8x256xf16>
  // A vector keeps what it is.
  // CHECK: @l0.attn_norm({{.*}} : tensor<256xf16>{{$}}
  ml_program.global private @l0.attn_norm(dense<1.0> : tensor<256xf16>) : tensor<256xf16>
  // Layer 0 of 1 is one of the last eighth.
  // MIX: @l0.attn_v({{.*}}{qopt.scheme = #qopt.gguf<q6_k>}
  // PURE: @l0.attn_v({{.*}}{qopt.scheme = #qopt.gguf<q4_k>}
  // OWN: @l0.attn_v({{.*}}{qopt.scheme = #qopt.gguf<q5_k>}
  // GROUPED: @l0.attn_v({{.*}}{qopt.scheme = #qopt.grouped<bits = 8, group = 64>}
  // HEAD: @l0.attn_v({{.*}}{qopt.scheme = #qopt.grouped<bits = 3, group = 128, symmetric>}
  // FLOAT: @l0.attn_v({{.*}}{qopt.scheme = f16}
  // ENCODED: @l0.attn_v({{.*}} : !qopt.quant<256x256xf16, #qopt.gguf<q6_k>>{{$}}
  // BOTH: @l0.attn_v({{.*}} : !qopt.quant<256x256xf16, #qopt.gguf<q8_0>>{{$}}
  ml_program.global private @l0.attn_v(dense<0.5> : tensor<256x256xf16>) : tensor<256x256xf16>
  ml_program.global private @l0.ffn_up(dense<0.5> : tensor<288x256xf16>) : tensor<288x256xf16>
  // Rows of 288 are no blocks of 256: Q6_K falls back to Q8_0, Q4_K to Q5_0.
  // MIX: @l0.ffn_down({{.*}}{qopt.scheme = #qopt.gguf<q8_0>}
  // PURE: @l0.ffn_down({{.*}}{qopt.scheme = #qopt.gguf<q5_0>}
  // OWN: @l0.ffn_down({{.*}}{qopt.scheme = #qopt.gguf<q5_0>}
  // ENCODED: @l0.ffn_down({{.*}} : !qopt.quant<256x288xf16, #qopt.gguf<q8_0>>{{$}}
  ml_program.global private @l0.ffn_down(dense<0.5> : tensor<256x288xf16>) : tensor<256x288xf16>
  // The output has rules of its own.
  // MIX: @head({{.*}}{qopt.scheme = #qopt.gguf<q6_k>}
  // PURE: @head({{.*}}{qopt.scheme = #qopt.gguf<q4_k>}
  // OWN: @head({{.*}}{qopt.scheme = bf16}
  // GROUPED: @head({{.*}}{qopt.scheme = #qopt.gguf<q8_0>}
  // HEAD: @head({{.*}}{qopt.scheme = #qopt.grouped<bits = 3, group = 128, symmetric>}
  // BOTH: @head({{.*}} : !qopt.quant<8x256xf16, #qopt.grouped<bits = 6, group = 128>>{{$}}
  ml_program.global private @head(dense<0.5> : tensor<8x256xf16>) : tensor<8x256xf16>

  func.func @block(%x: tensor<?x256xf32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x256xf32> attributes {llm.block = 0 : i64} {
    %v = ml_program.global_load_const @l0.attn_v : tensor<256x256xf16>
    %y = qopt.linear %x, %v : tensor<?x256xf32>, tensor<256x256xf16> -> tensor<?x256xf32>
    %u = ml_program.global_load_const @l0.ffn_up : tensor<288x256xf16>
    %z = qopt.linear %y, %u : tensor<?x256xf32>, tensor<288x256xf16> -> tensor<?x288xf32>
    %d = ml_program.global_load_const @l0.ffn_down : tensor<256x288xf16>
    %r = qopt.linear %z, %d : tensor<?x288xf32>, tensor<256x288xf16> -> tensor<?x256xf32>
    return %r : tensor<?x256xf32>
  }
  func.func @entry(%tokens: tensor<?xi32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> {
    %table = ml_program.global_load_const @embed : tensor<8x256xf16>
    %x = llm.embedding %tokens, %table : tensor<?xi32>, tensor<8x256xf16> -> tensor<?x256xf32>
    %b = call @block(%x, %pos, %kv) : (tensor<?x256xf32>, tensor<?xi32>, !llm.kv_cache) -> tensor<?x256xf32>
    %w = ml_program.global_load_const @head : tensor<8x256xf16>
    %y = qopt.linear %b, %w : tensor<?x256xf32>, tensor<8x256xf16> -> tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
}
