// RUN: rm -f %t.*.gguf
// RUN: sed 's@MODELS@%models@' %s > %t.llama.mlir
// RUN: qopt export %t.llama.mlir -o %t.llama.gguf
// RUN: %python %S/print_gguf.py %t.llama.gguf general.architecture blk.0.attn_k.bias rope_freqs.weight output.weight llama.rope.scaling.type llama.rope.scaling.original_context_length general.file_type | FileCheck %s --check-prefix=LLAMA
// RUN: sed 's@MODELS@%models@; s@arch = "llama"@arch = "mistral"@; s@"llama3"@"linear"@' %s > %t.mistral.mlir
// RUN: qopt export %t.mistral.mlir -o %t.mistral.gguf --type keep
// RUN: %python %S/print_gguf.py %t.mistral.gguf general.architecture llama.rope.scaling.type llama.rope.scaling.factor rope_freqs.weight general.file_type | FileCheck %s --check-prefix=MISTRAL
// RUN: sed 's@MODELS@%models@; s@arch = "llama"@arch = "qwen2"@; s@"llama3"@"linear"@' %s > %t.qwen2.mlir
// RUN: qopt export %t.qwen2.mlir -o %t.qwen2.gguf
// RUN: %python %S/print_gguf.py %t.qwen2.gguf general.architecture qwen2.attention.key_length blk.0.attn_k.bias | FileCheck %s --check-prefix=QWEN
// RUN: sed 's@MODELS@%models@; s@// INTERLEAVED@@' %s > %t.turned.mlir
// RUN: qopt export %t.turned.mlir -o %t.turned.gguf
// RUN: %python %S/print_gguf.py %t.turned.gguf blk.0.attn_k.bias | FileCheck %s --check-prefix=TURNED

// Rows of q and k are reordered for llama, unless the module already rotates
// neighbours, and never for qwen.
// LLAMA: general.architecture llama
// LLAMA: blk.0.attn_k.bias [0.0, 2.0, 1.0, 3.0]
// Head dimension 4, base 10000: wavelengths 2π and 200π; the second lies above
// 128 / 1, so its frequency is divided by 8, the first below 128 / 4.
// LLAMA: rope_freqs.weight [1.0, 8.0]
// LLAMA: output.weight None
// LLAMA: llama.rope.scaling.type None
// LLAMA: llama.rope.scaling.original_context_length 128
// LLAMA: general.file_type 1
// MISTRAL: general.architecture llama
// MISTRAL: llama.rope.scaling.type linear
// MISTRAL: llama.rope.scaling.factor 8.0
// MISTRAL: rope_freqs.weight None
// MISTRAL: general.file_type 0
// QWEN: general.architecture qwen2
// QWEN: qwen2.attention.key_length 4
// QWEN: blk.0.attn_k.bias [0.0, 1.0, 2.0, 3.0]
// TURNED: blk.0.attn_k.bias [0.0, 1.0, 2.0, 3.0]

// RUN: sed 's@MODELS@%models@; s@1 : i64, head_dim = 4@1 : i64, head_dim = 6@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: @l0.attn_q has 8 rows, but 2 heads of 6 channels need 12
// RUN: sed 's@MODELS@%models@; s@rope_theta = 1.0e4, @@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: error: llm.config: 'rope_theta' must be a positive number
// RUN: sed 's@MODELS@%models@; s@arch = "llama"@arch = "gpt9"@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=ARCH
// ARCH: error: llm.config: arch 'gpt9' is none of llama, mistral, qwen2, qwen3, gemma2, gemma3_text, phi3, mixtral, qwen3_moe
// RUN: sed 's@MODELS@%models@; s/@l0.ffn_up(/@l0.other(/' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: the module has no weight @l0.ffn_up
// RUN: sed 's@MODELS@%models@; s/@l0.attn_v_bias(/@extra(/' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=EXTRA
// EXTRA: error: @extra has no place in a GGUF file of the llama architecture
// RUN: sed 's@MODELS@%models@; s@vocab_size = 4096@vocab_size = 4000@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=TOKENS
// TOKENS: error: {{.*}}tokenizer.json: 4096 tokens, but the model embeds only 4000
// RUN: sed 's@MODELS@%models@; s@dense<1.25>@dense<70000.0>@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: error: @l0.attn_o: row 0, column 0: 70000 is beyond f16
// RUN: sed 's@MODELS@%models@; s@high_freq_factor = 4.0@high_freq_factor = 2.0@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=BAND
// BAND: error: llama3 rope_scaling has the band 1 to 2 instead of 1 to 4, which a GGUF file of the llama architecture cannot say
// RUN: sed 's@MODELS@%models@; s@arch = "llama"@arch = "qwen2"@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=SCALING
// SCALING: error: rope_scaling is llama3, which a GGUF file of the qwen2 architecture cannot say
// RUN: sed 's@MODELS@%models@; s@arch = "llama"@arch = "qwen2", sliding_window = 8 : i64@; s@"llama3"@"linear"@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=WINDOW
// WINDOW: error: layers have windows, which a GGUF file of the qwen2 architecture cannot say
// RUN: sed 's@MODELS@%models@; s@<silu>@<gelu>@' %s > %t.bad.mlir
// RUN: not qopt export %t.bad.mlir -o %t.bad.gguf 2>&1 | FileCheck %s --check-prefix=ACTIVATION
// ACTIVATION: error: llm.gated computes gelu, which a GGUF file of the llama architecture cannot say
// RUN: not ls %t.bad.gguf

module attributes {
    llm.tokenizer = #qopt.file<"MODELS/novella-7m/tokenizer.json">,
    llm.config = {arch = "llama", name = "tiny", hidden_size = 32 : i64, num_hidden_layers = 1 : i64,
                  num_attention_heads = 2 : i64, num_key_value_heads = 1 : i64, head_dim = 4 : i64,
                  intermediate_size = 16 : i64, vocab_size = 4096 : i64, max_position_embeddings = 256 : i64,
                  rms_norm_eps = 1.0e-5, rope_theta = 1.0e4, rope_scaling = {rope_type = "llama3", factor = 8.0,
                  low_freq_factor = 1.0, high_freq_factor = 4.0, original_max_position_embeddings = 128 : i64}}} {
  ml_program.global private @embed(dense<0.5> : tensor<4096x32xf32>) : tensor<4096x32xf32>
  ml_program.global private @l0.attn_norm(dense<1.0> : tensor<32xf32>) : tensor<32xf32>
  ml_program.global private @l0.attn_q(dense<0.5> : tensor<8x32xf32>) : tensor<8x32xf32>
  ml_program.global private @l0.attn_k(dense<0.5> : tensor<4x32xf32>) : tensor<4x32xf32>
  ml_program.global private @l0.attn_v(dense<0.5> : tensor<4x32xf32>) : tensor<4x32xf32>
  ml_program.global private @l0.attn_o(dense<1.25> : tensor<32x8xf32>) : tensor<32x8xf32>
  ml_program.global private @l0.attn_q_bias(dense<0.0> : tensor<8xf32>) : tensor<8xf32>
  ml_program.global private @l0.attn_k_bias(dense<[0.0, 1.0, 2.0, 3.0]> : tensor<4xf16>) : tensor<4xf16>
  ml_program.global private @l0.attn_v_bias(dense<0.0> : tensor<4xf32>) : tensor<4xf32>
  ml_program.global private @l0.ffn_norm(dense<1.0> : tensor<32xf32>) : tensor<32xf32>
  ml_program.global private @l0.ffn_gate(dense<0.5> : tensor<16x32xf32>) : tensor<16x32xf32>
  ml_program.global private @l0.ffn_up(dense<0.5> : tensor<16x32xf32>) : tensor<16x32xf32>
  ml_program.global private @l0.ffn_down(dense<0.5> : tensor<32x16xf32>) : tensor<32x16xf32>
  ml_program.global private @norm(dense<1.0> : tensor<32xf32>) : tensor<32xf32>
  func.func @turn(%x: tensor<?x4xf32>, %pos: tensor<?xi32>) -> tensor<?x4xf32> {
    %r = llm.rope %x, %pos {head_dim = 4 : i64, theta = 1.0e4 : f64
      // INTERLEAVED , interleaved
    } : tensor<?x4xf32>, tensor<?xi32>
    return %r : tensor<?x4xf32>
  }
  func.func @activate(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %r = llm.gated %x, %x {activation = #llm.activation<silu>} : tensor<?x4xf32>
    return %r : tensor<?x4xf32>
  }
}
