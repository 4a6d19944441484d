//===- Passes.td - passes over quantized models -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_PASSES_TD
#define QOPT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

class QOpt_Pass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let dependentDialects = [
    "::qopt::QOptDialect", "::qopt::llm::LLMDialect",
    "::mlir::ml_program::MLProgramDialect"
  ];
}

/// Options of the grouped scheme that a pass quantizes to.
class QOpt_SchemeOptions {
  list<Option> schemeOptions = [
    Option<"bits", "bits", "int64_t", "4", "Bits of a code, 2 to 8">,
    Option<"group", "group", "int64_t", "128", "Columns that share a scale; -1: a whole row">,
    Option<"symmetric", "symmetric", "bool", "false", "Fix the zero point in the middle">,
    Option<"head", "head", "bool", "false", "Also quantize the linears outside of the blocks">,
    Option<"archive", "archive", "std::string", "\"\"",
           "Where weights go that came from a file; default: <stem of -o>.weights.safetensors">,
  ];
}

/// Options that say where statistics of linear inputs come from.
class QOpt_CalibrationOptions<string sampleCount = "128"> {
  list<Option> calibrationOptions = [
    Option<"text", "text", "std::string", "\"\"",
           "Text to calibrate on; default: text that the model samples from itself">,
    Option<"samples", "samples", "int64_t", sampleCount, "Samples to take from the text, at most">,
    Option<"ctx", "ctx", "int64_t", "0", "Tokens per sample; 0: min(2048, context of the model)">,
  ];
}

def AssignTypes : QOpt_Pass<"assign-types"> {
  let summary = "Decide what each weight is going to be";
  let description = [{
    Writes `qopt.scheme` onto the weights of a module: what the quantizing
    passes make of them, and how exporters store those that are floats. `type`
    is a mix of llama-quantize, with its rules per tensor and its fallbacks for
    rows that are not whole blocks; or one type.

    ```mlir
    ml_program.global private @l0.ffn_down(#qopt.extern<ckpt, "w">) : tensor<256x768xf16>
    // becomes
    ml_program.global private @l0.ffn_down(#qopt.extern<ckpt, "w">) : tensor<256x768xf16> {qopt.scheme = #qopt.gguf<q6_k>}
    ```
  }];
  let options = [
    Option<"type", "type", "std::string", "\"q4_k_m\"", "A mix, a GGUF type, int2 to int8, f16, bf16 or f32">,
    Option<"pure", "pure", "bool", "false", "GGUF types: that type for every matrix">,
    Option<"group", "group", "int64_t", "0", "Grouped types: columns that share a scale; 0: 128">,
    Option<"symmetric", "symmetric", "bool", "false", "Grouped types: fix the zero point in the middle">,
    Option<"head", "head", "bool", "false", "Grouped types: also the linears outside of the blocks">,
    ListOption<"tensorTypes", "tensor-type", "std::string", "REGEX=TYPE for tensors whose name matches">,
    Option<"outputType", "output-tensor-type", "std::string", "\"\"", "Type of the output">,
    Option<"embeddingType", "token-embedding-type", "std::string", "\"\"", "Type of the token embeddings">,
    Option<"importance", "importance", "bool", "false", "Follow the rules for files with an importance matrix">,
  ];
  let statistics = [Statistic<"assignedWeights", "weights", "Weights with an assignment">];
}

def RtnQuantize : QOpt_Pass<"rtn-quantize">, QOpt_SchemeOptions {
  let summary = "Quantize float weights to the nearest code of a grouped scheme";
  let description = [{
    Replaces the value of every float weight of a linear in a block by codes,
    scales and zero points, each code the nearest to its weight. Needs no data. A
    weight with a grouped `qopt.scheme` gets that one, wherever it is used; one
    with another assignment stays.

    ```mlir
    ml_program.global private @w(#qopt.extern<ckpt, "w">) : tensor<256x256xf16>
    // becomes
    ml_program.global private @w(#qopt.extern<weights, "w">) : !qopt.quant<256x256xf16, #qopt.grouped<bits = 4, group = 128>>
    ```
  }];
  let options = schemeOptions;
  let statistics = [Statistic<"quantizedWeights", "weights", "Weights quantized">];
}

def GptqQuantize : QOpt_Pass<"gptq-quantize">, QOpt_SchemeOptions, QOpt_CalibrationOptions {
  let summary = "Quantize float weights with GPTQ";
  let description = [{
    As rtn-quantize, but the rounding error of each column is compensated in
    the columns that follow, weighted by H = 2/n Σ x xᵀ of the linear's inputs
    (Frantar et al., arXiv 2210.17323). H comes from saved statistics (`stats`),
    or from running the model block by block on a text, or on text that the
    model samples from itself. A module without a model gets H = I. A linear's
    weight with a `qopt.scheme` gets that one, wherever it is used, if it is
    grouped or a GGUF type whose blocks have scales and codes; with another
    assignment it stays.

    Behind quantized weights a linear reads something else than in the float
    model. Before GPTQ its weights move by `gptaq` of the way to those that give
    the outputs of the float model on it, for which that model is run as well.

    Then come `rounds` of descent on the error that is left: each group finds
    its grid and codes anew, against the errors of all others. (Not for groups
    of more than 256 columns or with a shorter group at the end of a row.)

    Onto GGUF types, scales are found on the compensated weights when a
    super-block is entered, the levels of sub-blocks searched by the error that
    they leave, and `rounds` of descent on that error follow. Other weights with
    such an assignment (tables of embeddings) come first, with H = I, and
    everything else is measured behind them.

    ```mlir
    // qopt model.mlir --gptq-quantize="bits=4 group=64 text=text.txt" -o q.mlir
    ml_program.global private @l0.ffn_up(#qopt.extern<ckpt, "…">) : tensor<768x256xf16>
    // becomes
    ml_program.global private @l0.ffn_up(#qopt.extern<archive, "l0.ffn_up">)
        : !qopt.quant<768x256xf16, #qopt.grouped<bits = 4, group = 64>>
    ```
  }];
  let options = !listconcat(schemeOptions, calibrationOptions, [
    Option<"stats", "stats", "std::string", "\"\"", "Statistics saved by hessian-calibrate, instead of a text">,
    Option<"damp", "damp", "double", "0.01", "Added to the diagonal of H, as a share of its mean">,
    Option<"block", "block", "int64_t", "128", "Columns between two lazy updates of the rest">,
    Option<"order", "order", "std::string", "\"act\"", "Order of the columns: none, act or group">,
    Option<"sequential", "sequential", "bool", "true",
           "Measure each group of linears behind those quantized before it">,
    Option<"mse", "mse", "bool", "false", "Search the range of each group for the least error">,
    Option<"rounds", "rounds", "int64_t", "4", "Rounds of descent on the error that is left; 0: only GPTQ">,
    Option<"staticGroups", "static-groups", "bool", "false",
           "Fix the grids of all groups beforehand, which order=act does anyway">,
    Option<"gptaq", "gptaq", "double", "0.5",
           "0 to 1: how much of the error of the inputs the weights make up for, as GPTAQ does (arXiv 2504.02692); "
           "nothing with saved statistics">,
  ]);
  let statistics = [
    Statistic<"quantizedWeights", "weights", "Weights quantized">,
    Statistic<"raisedDampings", "raised-dampings", "Tenfold raises of the damping until a Cholesky factorisation succeeded">,
  ];
}

def AwqScaleFold : QOpt_Pass<"awq-scale-fold">, QOpt_CalibrationOptions<"32"> {
  let summary = "Scale the channels that large inputs meet, as AWQ does";
  let description = [{
    Finds, for every input of linears in the blocks that can be scaled (see
    print-scale-folds), the scales s = mean|x|^α with which rounding the weights
    to their scheme changes the output of the block least (Lin et al., arXiv
    2306.00978), and folds them into the weights: W · diag(s) behind, 1/s before.
    Then, with `clip`, narrows the range of each group of weights where that
    lowers the error of the output. Weights stay floats: a pass that quantizes
    comes after, to the same schemes: an assigned `qopt.scheme`, else the one of
    the options. With saved statistics instead of a text, the loss is the error
    of the outputs of the linears.

    ```mlir
    ml_program.global private @w(#qopt.extern<ckpt, "w">) : tensor<8x4xf16>
    // becomes
    ml_program.global private @w(#qopt.view<#qopt.extern<ckpt, "w"> of tensor<8x4xf16>,
      [#qopt.scale<columns, dense<[2.0, 0.5, 0.8, 1.25]> : tensor<4xf32>>]>) : tensor<8x4xf32>
    ```
  }];
  let options = !listconcat([
    Option<"bits", "bits", "int64_t", "4", "Bits of a code, 2 to 8">,
    Option<"group", "group", "int64_t", "128", "Columns that share a scale; -1: a whole row">,
    Option<"symmetric", "symmetric", "bool", "false", "Fix the zero point in the middle">,
    Option<"head", "head", "bool", "false", "Also scale the inputs of linears outside of the blocks">,
  ], calibrationOptions, [
    Option<"stats", "stats", "std::string", "\"\"", "Statistics saved by hessian-calibrate, instead of a text">,
    Option<"grid", "grid", "int64_t", "20", "How many steps of α are tried above 0">,
    Option<"clip", "clip", "bool", "true", "Search the range of each group, after the scales">,
    Option<"duo", "duo", "bool", "false", "Divide the scales by mean|w|^(1-α)">,
  ]);
  let statistics = [
    Statistic<"scaledInputs", "scaled-inputs", "Inputs of linears that were scaled">,
    Statistic<"clippedWeights", "clipped-weights", "Weights of which groups are clipped">,
  ];
}

def HessianCalibrate : QOpt_Pass<"hessian-calibrate">, QOpt_CalibrationOptions {
  let summary = "Measure the inputs of linears and save the statistics";
  let description = [{
    Runs the model block by block on samples and saves, for each group of
    linears that read the same value, H = 2/n Σ x xᵀ, mean |x|, Σ x² and
    max |x|. With `imatrix`, also what llama.cpp calls an importance matrix: Σ x²
    for each weight, under the name of its GGUF tensor. The module is not changed.

    ```mlir
    // qopt model.mlir --hessian-calibrate="text=text.txt stats=stats.safetensors" -o /dev/null
    // then, as often as wanted
    // qopt model.mlir --gptq-quantize="stats=stats.safetensors bits=3" -o q3.mlir
    ```
  }];
  let options = !listconcat(calibrationOptions, [
    Option<"stats", "stats", "std::string", "\"\"", "The safetensors file to write">,
    Option<"imatrix", "imatrix", "std::string", "\"\"", "The importance matrix to write, a GGUF file; alone, it needs no H">,
    Option<"head", "head", "bool", "false", "Also measure the linears outside of the blocks">,
  ]);
  let statistics = [Statistic<"measuredInputs", "inputs", "Inputs of linears measured">];
}

def PrintScaleFolds : QOpt_Pass<"print-scale-folds"> {
  let summary = "Say which scales of linear inputs can be folded into weights";
  let description = [{
    A remark at every linear that is the first to read some value: which weights
    would be divided and multiplied if the channels of that value were scaled
    (as awq-scale-fold does), or why that cannot be.

    ```mlir
    %h = llm.rms_norm %x, %norm {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf16>
    %q = qopt.linear %h, %wq : tensor<?x4xf32>, tensor<4x4xf16> -> tensor<?x4xf32>
    // remark: 4 scales divide @norm; multiply columns of @q
    ```
  }];
  let statistics = [
    Statistic<"folds", "folds", "Inputs whose scales fold away">,
    Statistic<"refusals", "refusals", "Inputs whose scales do not">,
  ];
}

def TestInjectOutliers : QOpt_Pass<"test-inject-outliers"> {
  let summary = "Give a few channels large values without changing the function";
  let description = [{
    For tests and benchmarks of methods that deal with outliers: in every input
    of linears in the blocks that can be scaled (see print-scale-folds), a few
    channels become 10 to 50 times as large, and the columns of the weights that
    read them as much smaller.

    ```mlir
    // qopt model.mlir --test-inject-outliers="channels=4 largest=30" -o outliers.mlir
    ml_program.global private @norm(dense<[1.0, 1.0, 1.0, 1.0]> : tensor<4xf32>) : tensor<4xf32>
    // becomes, and columns of what reads the norm become views with the inverse
    ml_program.global private @norm(dense<[1.0, 23.4, 1.0, 1.0]> : tensor<4xf32>) : tensor<4xf32>
    ```
  }];
  let options = [
    Option<"channels", "channels", "int64_t", "8", "How many channels of each input">,
    Option<"smallest", "smallest", "double", "10", "The smallest factor">,
    Option<"largest", "largest", "double", "50", "The largest factor">,
    Option<"seed", "seed", "int64_t", "0", "Of the choice of channels and factors">,
  ];
}

include "qopt/Transforms/StoragePasses.td"

def RaiseToQOpt : QOpt_Pass<"raise-to-qopt"> {
  let summary = "Find linears in the IR of other front ends";
  let description = [{
    A contraction of floats with a constant weight becomes a `qopt.linear`, and
    the weight an `ml_program.global` that quantizing passes can rewrite. Taken
    are linalg ops of any name and any indexing maps whose body sums products,
    `tosa.matmul`, and convolutions with a kernel of one pixel (`tosa.conv2d`,
    `linalg.conv_2d_nhwc_hwcf` and the like). Between the constant and the
    contraction may stand transposes, slices, reshapes, repetition along a batch,
    and conversions to wider floats; together they become a `#qopt.view`. A vector added to every row becomes the bias.

    An RMS norm, a layer norm, or a product with a SiLU or GELU that a linear
    reads, spelled out in elementwise ops, becomes `llm.rms_norm`,
    `llm.layer_norm` or `llm.gated`, through which scales of channels can be
    folded. How it is spelled does not matter: its formula is compared with the
    definition at numbers. A norm without a weight gets one of ones.

    Linears, norms and gates are computed in f32, whatever types their ops had;
    only their results are rounded to 16 bits. What is not raised stays as it
    is, with a remark that says why.

    ```mlir
    %wt = linalg.transpose ins(%w : tensor<32x64xf32>) outs(%e : tensor<64x32xf32>) permutation = [1, 0]
    %y = linalg.matmul ins(%x, %wt : tensor<?x64xf32>, tensor<64x32xf32>) outs(%zero : tensor<?x32xf32>) -> tensor<?x32xf32>
    // becomes
    %w = ml_program.global_load_const @weight : tensor<32x64xf32>
    %y = qopt.linear %x, %w : tensor<?x64xf32>, tensor<32x64xf32> -> tensor<?x32xf32>
    ```
  }];
  let statistics = [
    Statistic<"raisedLinears", "linears", "Linears found">,
    Statistic<"raisedInputs", "inputs", "Norms and gates found in front of them">,
  ];
  let dependentDialects = [
    "::qopt::QOptDialect", "::qopt::llm::LLMDialect", "::mlir::ml_program::MLProgramDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect",
  ];
}

def LowerQOptToLinalg : QOpt_Pass<"lower-qopt-to-linalg"> {
  let summary = "Lower qopt and llm ops to linalg and other upstream dialects";
  let description = [{
    A reference lowering for compilers without the kernels of qopt: nothing of
    the `qopt` and `llm` dialects is left where weights are constants of the
    module. A linear becomes one `linalg.generic` that dequantizes as it reads,
    for every scheme and layout (a layout is undone first). Weights become
    `arith.constant`s; those in files become resources over the mapped file.
    Ops of `llm` become linalg, math, tensor and scf.

    An argument of type `!llm.kv_cache` becomes two, for one sequence: the
    numbers `memref<layers x 2 x capacity x channels>`, keys and then values of
    each layer, and the `memref<layers>` of how many positions are in there,
    zeros at first. Attention appends to them; it asserts that the capacity
    suffices. Tokens must be within the vocabulary.

    ```mlir
    %y = qopt.linear %x, %w : tensor<?x64xf32>, !qopt.quant<32x64xf16, #qopt.grouped<bits = 4, group = 32>> -> tensor<?x32xf32>
    // becomes
    %y = linalg.generic {indexing_maps = [(m, n, k) -> (m, k), (n, k floordiv 2), (n, k floordiv 32), …]}
           ins(%x, %codes, %scales, %zeros) outs(%zero) { … x * s * (q - z) … }
    ```

    With `quant-types`, grouped weights whose groups divide the rows go through
    `quant.dcast` of a `!quant.uniform` type instead.
  }];
  let options = [
    Option<"quantTypes", "quant-types", "bool", "false", "Use the types of the quant dialect where they can say it">,
  ];
  let statistics = [
    Statistic<"loweredOps", "lowered", "Ops lowered">,
    Statistic<"keptOps", "kept", "Ops that stay, with a remark">,
  ];
  let dependentDialects = [
    "::qopt::QOptDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::quant::QuantDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
  ];
}

#endif // QOPT_TRANSFORMS_PASSES_TD
