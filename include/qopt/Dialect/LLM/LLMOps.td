//===- LLMOps.td - model structure around quantized linears -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_LLM_OPS_TD
#define QOPT_DIALECT_LLM_OPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "qopt/Dialect/LLM/LLMEnums.td"
include "qopt/Dialect/QOpt/QOptTypes.td"
include "qopt/Dialect/QOpt/ScaleInterface.td"

def LLM_Dialect : Dialect {
  let name = "llm";
  let cppNamespace = "::qopt::llm";
  let summary = "What stands between the linears of a decoder-only language model";
  let description = [{
    Activations are f32 tensors [tokens, channels]; heads lie side by side in
    the channels. Every number that an op needs is on the op; the module's
    `llm.config` is for export and display.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::qopt::QOptDialect"];
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();

    /// Module: dictionary of the model's configuration.
    static constexpr ::llvm::StringLiteral kConfig = "llm.config";
    /// Module: #qopt.file of the tokenizer.
    static constexpr ::llvm::StringLiteral kTokenizer = "llm.tokenizer";
    /// Module: symbol of the function (tokens, pos, kv) -> logits.
    static constexpr ::llvm::StringLiteral kEntry = "llm.entry";
    /// Function: index of a calibration block.
    static constexpr ::llvm::StringLiteral kBlock = "llm.block";
  }];
}

//===----------------------------------------------------------------------===//
// Types and attributes
//===----------------------------------------------------------------------===//

def LLM_KVCache : TypeDef<LLM_Dialect, "KVCache"> {
  let mnemonic = "kv_cache";
  let summary = "keys and values of the tokens seen so far, of every layer";
}

def LLM_ActivationAttr : EnumAttr<LLM_Dialect, LLM_Activation, "activation"> {
  let assemblyFormat = "`<` $value `>`";
}

class LLM_RopeScaling<string name, string mnemonicName> : AttrDef<LLM_Dialect, name> {
  let mnemonic = mnemonicName;
  let genVerifyDecl = 1;
}

def LLM_LinearRopeAttr : LLM_RopeScaling<"LinearRope", "linear_rope"> {
  let summary = "rotary frequencies divided by a factor";
  let description = [{
    Example: `#llm.linear_rope<factor = 2.0>`
  }];
  let parameters = (ins "::mlir::FloatAttr":$factor);
  let assemblyFormat = "`<` `factor` `=` custom<F64>($factor) `>`";
}

def LLM_Llama3RopeAttr : LLM_RopeScaling<"Llama3Rope", "llama3_rope"> {
  let summary = "the rotary frequencies of Llama 3.1 and later";
  let description = [{
    Frequencies with a wavelength above `original_context / low_freq` are
    divided by `factor`, those below `original_context / high_freq` are kept,
    and between the two the result is interpolated.

    Example: `#llm.llama3_rope<factor = 8.0, low_freq = 1.0, high_freq = 4.0, original_context = 8192>`
  }];
  let parameters = (ins "::mlir::FloatAttr":$factor, "::mlir::FloatAttr":$lowFreq,
                        "::mlir::FloatAttr":$highFreq, "int64_t":$originalContext);
  let assemblyFormat = [{
    `<` `factor` `=` custom<F64>($factor) `,` `low_freq` `=` custom<F64>($lowFreq) `,`
    `high_freq` `=` custom<F64>($highFreq) `,` `original_context` `=` $originalContext `>`
  }];
}

def LLM_YarnRopeAttr : LLM_RopeScaling<"YarnRope", "yarn_rope"> {
  let summary = "YaRN: low frequencies divided by a factor, by how often they turn";
  let description = [{
    Peng et al., arXiv 2309.00071. Frequencies that turn more than `beta_fast`
    times in `original_context` positions are kept, those that turn less than
    `beta_slow` times are divided by `factor`, and between the two (in the index
    of the pair) the result is interpolated. Sine and cosine are multiplied by
    `magnitude`, usually 0.1 ln(factor) + 1.

    Example: `#llm.yarn_rope<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original_context = 32768, magnitude = 1.138629>`
  }];
  let parameters = (ins "::mlir::FloatAttr":$factor, "::mlir::FloatAttr":$betaFast,
                        "::mlir::FloatAttr":$betaSlow, "int64_t":$originalContext,
                        "::mlir::FloatAttr":$magnitude);
  let assemblyFormat = [{
    `<` `factor` `=` custom<F64>($factor) `,` `beta_fast` `=` custom<F64>($betaFast) `,`
    `beta_slow` `=` custom<F64>($betaSlow) `,` `original_context` `=` $originalContext `,`
    `magnitude` `=` custom<F64>($magnitude) `>`
  }];
}

def LLM_LongRopeAttr : LLM_RopeScaling<"LongRope", "long_rope"> {
  let summary = "LongRoPE: one divisor per frequency, for short and for long sequences";
  let description = [{
    Ding et al., arXiv 2402.13753. Frequency i is divided by `long[i]` in a
    sequence that reaches beyond `original_context` positions in this call, else
    by `short[i]`; rows with consecutive positions belong to one sequence. Sine
    and cosine are multiplied by `magnitude`.

    Example: `#llm.long_rope<short = [1.0, 1.05], long = [1.1, 32.0], original_context = 4096, magnitude = 1.19>`
  }];
  let parameters = (ins "::mlir::DenseF64ArrayAttr":$shortFactors,
                        "::mlir::DenseF64ArrayAttr":$longFactors,
                        "int64_t":$originalContext, "::mlir::FloatAttr":$magnitude);
  let assemblyFormat = [{
    `<` `short` `=` custom<F64s>($shortFactors) `,` `long` `=` custom<F64s>($longFactors) `,`
    `original_context` `=` $originalContext `,` `magnitude` `=` custom<F64>($magnitude) `>`
  }];
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

class LLM_Op<string mnemonic, list<Trait> traits = []> : Op<LLM_Dialect, mnemonic, traits>;

/// An op that lets scales of channels through (LLMScales.cpp).
class LLM_ScaledOp<string mnemonic, list<Trait> traits = []>
    : LLM_Op<mnemonic, !listconcat(traits, [DeclareOpInterfaceMethods<QOpt_ChannelScaleInterface>])>;

/// [tokens, channels]
def LLM_Hidden : 2DTensorOf<[F32]>;
/// [tokens]
def LLM_Indices : 1DTensorOf<[I32]>;

def LLM_EmbeddingOp : LLM_ScaledOp<"embedding", [Pure]> {
  let summary = "rows of a table";
  let description = [{
    Row `tokens[i]` of the table [vocabulary, channels] becomes row i, times
    `scale` if there is one (Gemma: the square root of the channels).

    Example:
    ```mlir
    %x = llm.embedding %tokens, %table {scale = 1.600000e+01 : f32} : tensor<?xi32>, tensor<4096x256xf16> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins LLM_Indices:$tokens, QOpt_Weight:$table, OptionalAttr<F32Attr>:$scale);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` type($tokens) `,` type($table) `->` type($output)";
  let hasVerifier = 1;
}

def LLM_RmsNormOp : LLM_ScaledOp<"rms_norm", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "x / sqrt(mean(x²) + eps) · (offset + weight)";
  let description = [{
    The mean runs over consecutive runs of as many channels as the weight is
    long: a weight of all channels normalises a row, a weight of one head's
    channels normalises each head. `offset` is 0 unless given; Gemma's
    checkpoints store their weights less one (GGUF files do not). Whoever scales
    the channels of the output by s makes the weight (offset + weight)·s − offset.

    Example:
    ```mlir
    %n = llm.rms_norm %x, %weight {eps = 1.000000e-05 : f32} : tensor<?x256xf32>, tensor<256xf16>
    ```
  }];
  let arguments = (ins LLM_Hidden:$input, 1DTensorOf<[F16, BF16, F32]>:$weight, F32Attr:$eps,
                       OptionalAttr<F32Attr>:$offset);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}

def LLM_LayerNormOp : LLM_ScaledOp<"layer_norm", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "(x − mean(x)) / sqrt(variance(x) + eps) · weight + bias";
  let description = [{
    Mean and variance (of all channels, not of a sample) of each row. Imported
    models have none; `--raise-to-qopt` finds them in the IR of other front ends.

    Example:
    ```mlir
    %n = llm.layer_norm %x, %weight, %bias {eps = 1.000000e-05 : f32} : tensor<?x256xf32>, tensor<256xf32>, tensor<256xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$input, 1DTensorOf<[F16, BF16, F32]>:$weight,
                       Optional<1DTensorOf<[F16, BF16, F32]>>:$bias, F32Attr:$eps);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = [{
    $input `,` $weight (`,` $bias^)? attr-dict `:` type($input) `,` type($weight) (`,` type($bias)^)?
  }];
  let hasVerifier = 1;
}

def LLM_RopeOp : LLM_Op<"rope", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "rotary position embedding: pairs of channels are turned";
  let description = [{
    In each head of `head_dim` channels, the pair (i, i + head_dim/2) is turned
    by `pos · theta^(-2i/head_dim)`, after scaling of the frequencies. With
    `interleaved` the pairs are neighbours instead, (2i, 2i + 1), as in weights
    from GGUF files of the llama architecture. With `rotary_dim`, that many
    channels at the start of each head are treated as the head, and the others
    are left alone.

    Example:
    ```mlir
    %r = llm.rope %q, %pos {head_dim = 64 : i64, theta = 1.000000e+04 : f64} : tensor<?x256xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$input, LLM_Indices:$pos, I64Attr:$head_dim, F64Attr:$theta,
                       OptionalAttr<AnyAttrOf<[LLM_LinearRopeAttr, LLM_Llama3RopeAttr,
                                               LLM_YarnRopeAttr, LLM_LongRopeAttr]>>:$scaling,
                       UnitAttr:$interleaved, OptionalAttr<I64Attr>:$rotary_dim);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$input `,` $pos attr-dict `:` type($input) `,` type($pos)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// How many channels of each head are turned.
    int64_t getRotatedChannels() { return getRotaryDim().value_or(getHeadDim()); }
  }];
}

def LLM_AttentionOp : LLM_ScaledOp<"attention"> {
  let summary = "causal attention over the cache and the tokens of this call";
  let description = [{
    Appends keys and values to layer `layer` of the cache; then each query of
    `heads` heads attends to all cached positions not after its own, with
    scores times `scale`. Head h reads key and value head h·kv_heads/heads.
    With `window`, only the last `window` positions are seen. With `softcap`, the
    scores s become `softcap · tanh(s / softcap)` before the softmax.

    Example:
    ```mlir
    %a = llm.attention %q, %k, %v, %kv {layer = 0 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 1.250000e-01 : f32}
        : tensor<?x256xf32>, tensor<?x128xf32>, tensor<?x128xf32> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$query, LLM_Hidden:$key, LLM_Hidden:$value,
                       Arg<LLM_KVCache, "", [MemRead, MemWrite]>:$cache,
                       I64Attr:$layer, I64Attr:$heads, I64Attr:$kv_heads, F32Attr:$scale,
                       OptionalAttr<I64Attr>:$window, OptionalAttr<F32Attr>:$softcap);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $cache attr-dict `:` type($query) `,` type($key) `,`
    type($value) `->` type($output)
  }];
  let hasVerifier = 1;
}

def LLM_GatedOp : LLM_ScaledOp<"gated", [Pure, AllTypesMatch<["gate", "up", "output"]>]> {
  let summary = "activation(gate) · up";
  let description = [{
    Example:
    ```mlir
    %h = llm.gated %gate, %up {activation = #llm.activation<silu>} : tensor<?x768xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$gate, LLM_Hidden:$up, LLM_ActivationAttr:$activation);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$gate `,` $up attr-dict `:` type($output)";
}

def LLM_SoftcapOp : LLM_Op<"softcap", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "cap · tanh(x / cap)";
  let description = [{
    Example:
    ```mlir
    %l = llm.softcap %logits {cap = 3.000000e+01 : f32} : tensor<?x4096xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$input, F32Attr:$cap);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$input attr-dict `:` type($output)";
  let hasVerifier = 1;
}

def LLM_SliceOp : LLM_ScaledOp<"slice", [Pure]> {
  let summary = "some consecutive channels of every row";
  let description = [{
    Channels from `offset` on, as many as the result has. Takes apart what a
    fused linear computes: queries, keys and values, or gate and up.

    Example:
    ```mlir
    %k = llm.slice %qkv {offset = 256 : i64} : tensor<?x512xf32> -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$input, I64Attr:$offset);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Mixtures of experts
//===----------------------------------------------------------------------===//

def LLM_RouteOp : LLM_Op<"route", [Pure, AllTypesMatch<["logits", "weights"]>]> {
  let summary = "how much each token takes of each expert";
  let description = [{
    From the router's logits [tokens, experts]: in each row the softmax, of which
    the `top_k` largest stay (the first of equals) and the others become 0. With
    `normalize`, what stays is divided by its sum. A weight that is not 0 sends
    the token to the expert.

    A mixture of experts is this op, one `llm.dispatch` and ordinary linears per
    expert, and one `llm.combine`:
    ```mlir
    %logits = qopt.linear %x, %router : tensor<?x64xf32>, tensor<8x64xf16> -> tensor<?x8xf32>
    %weights = llm.route %logits {normalize, top_k = 2 : i64} : tensor<?x8xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$logits, I64Attr:$top_k, UnitAttr:$normalize);
  let results = (outs LLM_Hidden:$weights);
  let assemblyFormat = "$logits attr-dict `:` type($weights)";
  let hasVerifier = 1;
}

def LLM_DispatchOp : LLM_ScaledOp<"dispatch", [Pure]> {
  let summary = "the rows of the tokens that go to one expert";
  let description = [{
    The rows of the input whose weight for `expert` is not 0, in their order.
    There may be none.

    Example:
    ```mlir
    %x3 = llm.dispatch %x, %weights {expert = 3 : i64} : tensor<?x64xf32>, tensor<?x8xf32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$input, LLM_Hidden:$weights, I64Attr:$expert);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$input `,` $weights attr-dict `:` type($input) `,` type($weights) `->` type($output)";
  let hasVerifier = 1;
}

def LLM_CombineOp : LLM_ScaledOp<"combine", [Pure]> {
  let summary = "the weighted sum of what the experts made of each token";
  let description = [{
    Output e holds the rows of the tokens that `llm.dispatch` sends to expert e.
    Row t of the result is the sum over the experts of their weight for token t
    times their row for it, in the order of the experts.

    Example:
    ```mlir
    %y = llm.combine %weights (%y0, %y1) : tensor<?x2xf32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$weights, Variadic<LLM_Hidden>:$outputs);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = [{
    $weights `(` $outputs `)` attr-dict `:` type($weights) `->` type($output)
    custom<ExpertTypes>(ref($outputs), ref(type($output)), type($outputs))
  }];
  let hasVerifier = 1;
}

#endif // QOPT_DIALECT_LLM_OPS_TD
