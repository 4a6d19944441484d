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

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

class LLM_Op<string mnemonic, list<Trait> traits = []> : Op<LLM_Dialect, mnemonic, traits>;

/// [tokens, channels]
def LLM_Hidden : 2DTensorOf<[F32]>;
/// [tokens]
def LLM_Indices : 1DTensorOf<[I32]>;

def LLM_EmbeddingOp : LLM_Op<"embedding", [Pure]> {
  let summary = "rows of a table";
  let description = [{
    Row `tokens[i]` of the table [vocabulary, channels] becomes row i.

    Example:
    ```mlir
    %x = llm.embedding %tokens, %table : tensor<?xi32>, tensor<4096x256xf16> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins LLM_Indices:$tokens, QOpt_Weight:$table);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` type($tokens) `,` type($table) `->` type($output)";
  let hasVerifier = 1;
}

def LLM_RmsNormOp : LLM_Op<"rms_norm", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "x / sqrt(mean(x²) + eps) · weight";
  let description = [{
    The mean runs over consecutive runs of as many channels as the weight is
    long: a weight of all channels normalises a row, a weight of one head's
    channels normalises each head.

    Example:
    ```mlir
    %n = llm.rms_norm %x, %weight {eps = 1.000000e-05 : f32} : tensor<?x256xf32>, tensor<256xf16>
    ```
  }];
  let arguments = (ins LLM_Hidden:$input, 1DTensorOf<[F16, BF16, F32]>:$weight, F32Attr:$eps);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `,` type($weight)";
  let hasVerifier = 1;
}

def LLM_RopeOp : LLM_Op<"rope", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "rotary position embedding: pairs of channels are turned";
  let description = [{
    In each head of `head_dim` channels, the pair (i, i + head_dim/2) is turned
    by `pos · theta^(-2i/head_dim)`, after scaling of the frequencies. With
    `interleaved` the pairs are neighbours instead, (2i, 2i + 1), as in weights
    from GGUF files of the llama architecture.

    Example:
    ```mlir
    %r = llm.rope %q, %pos {head_dim = 64 : i64, theta = 1.000000e+04 : f64} : tensor<?x256xf32>, tensor<?xi32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$input, LLM_Indices:$pos, I64Attr:$head_dim, F64Attr:$theta,
                       OptionalAttr<AnyAttrOf<[LLM_LinearRopeAttr, LLM_Llama3RopeAttr]>>:$scaling,
                       UnitAttr:$interleaved);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = "$input `,` $pos attr-dict `:` type($input) `,` type($pos)";
  let hasVerifier = 1;
}

def LLM_AttentionOp : LLM_Op<"attention"> {
  let summary = "causal attention over the cache and the tokens of this call";
  let description = [{
    Appends keys and values to layer `layer` of the cache; then each query of
    `heads` heads attends to all cached positions not after its own, with
    scores times `scale`. Head h reads key and value head h·kv_heads/heads.
    With `window`, only the last `window` positions are seen.

    Example:
    ```mlir
    %a = llm.attention %q, %k, %v, %kv {layer = 0 : i64, heads = 4 : i64, kv_heads = 2 : i64, scale = 1.250000e-01 : f32}
        : tensor<?x256xf32>, tensor<?x128xf32>, tensor<?x128xf32> -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins LLM_Hidden:$query, LLM_Hidden:$key, LLM_Hidden:$value,
                       Arg<LLM_KVCache, "", [MemRead, MemWrite]>:$cache,
                       I64Attr:$layer, I64Attr:$heads, I64Attr:$kv_heads, F32Attr:$scale,
                       OptionalAttr<I64Attr>:$window);
  let results = (outs LLM_Hidden:$output);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $cache attr-dict `:` type($query) `,` type($key) `,`
    type($value) `->` type($output)
  }];
  let hasVerifier = 1;
}

def LLM_GatedOp : LLM_Op<"gated", [Pure, AllTypesMatch<["gate", "up", "output"]>]> {
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

#endif // QOPT_DIALECT_LLM_OPS_TD
