//===- StoragePasses.td - how quantized weights are stored -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A part of Passes.td, which declares what it builds on.
//
//===----------------------------------------------------------------------===//

def SortColumns : QOpt_Pass<"sort-columns"> {
  let summary = "Read quantized weights in act-order as they are stored, and permute x instead";
  let description = [{
    The groups of a checkpoint in act-order are scattered over the columns of a
    weight, which therefore is a view: a quantized weight whose columns are
    sorted by group, and a permutation of its columns. As such it is a float
    weight, which costs four times the memory traffic. Where all that reads it
    are linears, this pass drops the permutation and permutes x: the codes stay
    quantized, and every kernel takes them. Weights that read the same x in the
    same order, as queries, keys and values do, share one `qopt.permute_channels`.

    Where x is made of outputs of linears element by element, as the product of
    gate and up is, and nobody else sees it, nothing is permuted when the model
    runs: the rows of those weights, and their biases, become views in the order
    that is wanted. A view that only permutes rows of a quantized weight is a
    quantized weight.

    ```mlir
    ml_program.global private @w(#qopt.view<#qopt.extern<ckpt, "w"> of !qopt.packed<…>, [#qopt.permute<columns, [1, 2, 0]>]>) : tensor<8x3xf16>
    %y = qopt.linear %x, %w : tensor<?x3xf32>, tensor<8x3xf16> -> tensor<?x8xf32>
    // becomes
    ml_program.global private @w(#qopt.extern<ckpt, "w">) : !qopt.packed<…>
    %0 = qopt.permute_channels %x [2, 0, 1] : tensor<?x3xf32>
    %y = qopt.linear %0, %w : tensor<?x3xf32>, !qopt.packed<…> -> tensor<?x8xf32>
    ```
  }];
  let statistics = [
    Statistic<"sortedWeights", "weights", "Weights read as they are stored">,
    Statistic<"foldedPermutations", "folded", "Permutations of x that went into the weights that make it">,
  ];
}

def PackWeights : QOpt_Pass<"pack-weights"> {
  let summary = "Bring quantized weights into the order in which kernels read them";
  let description = [{
    Gives every quantized weight of a linear a layout for a target. No number
    changes. Weights that the layout cannot hold stay, with a remark.

    ```mlir
    !qopt.quant<256x256xf16, #qopt.grouped<bits = 4, group = 128>>
    // becomes, for the CPU
    !qopt.packed<256x256xf16, #qopt.grouped<bits = 4, group = 128>, #qopt.interleaved<rows = 16>>
    ```
  }];
  let options = [
    Option<"layout", "layout", "std::string", "\"\"",
           "A layout attribute, as `#qopt.interleaved<rows = 16>`; default: that of the target">,
    Option<"target", "target", "std::string", "\"cpu\"", "cpu or nvptx">,
    Option<"archive", "archive", "std::string", "\"\"",
           "Where weights go that came from a file; default: <stem of -o>.weights.safetensors">,
  ];
  let statistics = [Statistic<"packedWeights", "weights", "Weights packed">];
}

def GgufQuantize : QOpt_Pass<"gguf-quantize"> {
  let summary = "Encode float weights as a GGUF type";
  let description = [{
    Rounds every float weight of a linear in a block to the blocks of a GGUF
    type, bit for bit as llama.cpp does it, with or without an importance matrix
    (llama.cpp's, or that of hessian-calibrate). A weight with a `qopt.scheme`
    becomes what that says, wherever it is used.

    ```mlir
    ml_program.global private @w(#qopt.extern<ckpt, "w">) : tensor<256x256xf16>
    // becomes
    ml_program.global private @w(#qopt.extern<weights, "w">) : !qopt.quant<256x256xf16, #qopt.gguf<q8_0>>
    ```
  }];
  let options = [
    Option<"type", "type", "std::string", "\"q8_0\"", "A quantized GGUF type in lower case, as q8_0, q4_k or iq4_nl">,
    Option<"imatrix", "imatrix", "std::string", "\"\"", "An importance matrix, GGUF or .dat, to weight errors by">,
    Option<"head", "head", "bool", "false", "Also encode the linears outside of the blocks">,
    Option<"archive", "archive", "std::string", "\"\"",
           "Where weights go that came from a file; default: <stem of -o>.weights.safetensors">,
  ];
  let statistics = [Statistic<"encodedWeights", "weights", "Weights encoded">];
}

def GgufPack : QOpt_Pass<"gguf-pack"> {
  let summary = "Turn quantized weights into the blocks of GGUF types";
  let description = [{
    Nothing is quantized again. Weights of a GGUF scheme keep their bytes;
    grouped weights become blocks of the type whose grid is theirs, if groups
    are multiples of 32 columns:

    | scheme                  | GGUF type | numbers                                |
    |-------------------------|-----------|----------------------------------------|
    | symmetric, 2 to 4 bits  | Q4_0      | the same                               |
    | asymmetric, 2 to 4 bits | Q4_1      | the minimum -s·z is rounded to f16; a warning gives the largest error |
    | 5 to 8 bits             | Q8_0      | the same, if every q - z fits 8 bits   |

    Float weights stay. Anything else is an error that says what could be done.

    ```mlir
    !qopt.quant<256x256xf16, #qopt.grouped<bits = 4, group = 128, symmetric>>
    // becomes
    !qopt.packed<256x256xf16, #qopt.gguf<q4_0>, #qopt.blocks>
    ```
  }];
  let options = [
    Option<"archive", "archive", "std::string", "\"\"",
           "Where weights go that came from a file; default: <stem of -o>.weights.safetensors">,
  ];
  let statistics = [Statistic<"packedWeights", "weights", "Weights packed">];
}
