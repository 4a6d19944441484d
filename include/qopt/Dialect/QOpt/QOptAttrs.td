//===- QOptAttrs.td - schemes, layouts and weight references -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_ATTRS_TD
#define QOPT_DIALECT_QOPT_ATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "qopt/Dialect/QOpt/QOptDialect.td"
include "qopt/Dialect/QOpt/QOptInterfaces.td"

class QOpt_Attr<string name, string mnemonicName, list<Trait> traits = []>
    : AttrDef<QOpt_Dialect, name, traits> {
  let mnemonic = mnemonicName;
}

//===----------------------------------------------------------------------===//
// Schemes
//===----------------------------------------------------------------------===//

def QOpt_GroupedAttr : QOpt_Attr<"Grouped", "grouped",
    [DeclareAttrInterfaceMethods<QOpt_SchemeInterface>]> {
  let summary = "integers with one f16 scale, and perhaps a zero point, per group";
  let description = [{
    `w = s * (q - z)` with a b-bit code `q` per weight and one scale `s` and
    zero point `z` for each `group` columns of a row (-1: the whole row).
    A symmetric scheme fixes `z = 2^(b-1)` and does not store it.

    Example: `#qopt.grouped<bits = 4, group = 128, symmetric>`
  }];
  let parameters = (ins "int64_t":$bits, "int64_t":$group, "bool":$symmetric);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::qopt::GroupedScheme getScheme() const;
    static GroupedAttr get(::mlir::MLIRContext *context,
                           const ::qopt::GroupedScheme &scheme);
  }];
}

def QOpt_GgufAttr : QOpt_Attr<"Gguf", "gguf",
    [DeclareAttrInterfaceMethods<QOpt_SchemeInterface>]> {
  let summary = "a GGUF tensor type";
  let description = [{
    The blocks of a GGUF type, named by its row in the format table.

    Example: `#qopt.gguf<q4_0>`
  }];
  let parameters = (ins "::qopt::GgufType":$format);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    const ::qopt::FormatRow &getRow() const;
  }];
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

def QOpt_BlocksAttr : QOpt_Attr<"Blocks", "blocks",
    [DeclareAttrInterfaceMethods<QOpt_LayoutInterface>]> {
  let summary = "row-major blocks of a GGUF type, as in a GGUF file";
  let description = [{
    Example: `!qopt.packed<256x256xf16, #qopt.gguf<q4_0>, #qopt.blocks>`
  }];
  let parameters = (ins);
}

def QOpt_InterleavedAttr : QOpt_Attr<"Interleaved", "interleaved",
    [DeclareAttrInterfaceMethods<QOpt_LayoutInterface>]> {
  let summary = "blocks of rows, one row per dword lane, for SIMD kernels";
  let description = [{
    Holds grouped schemes and every quantized GGUF type. `rows` rows form a
    block; a vector of as many dwords holds codes of all of them, row r in lane
    r, and scales, zero points and minima follow the same order
    (qopt/Formats/Interleaved.h has the bits).

    Example: `!qopt.packed<256x256xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.interleaved<rows = 16>>`
  }];
  let parameters = (ins "int64_t":$rows);
  let assemblyFormat = "`<` `rows` `=` $rows `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Where everything lies; the scheme must be one that the layout holds.
    ::qopt::InterleavedLayout getLayout(::qopt::SchemeAttrInterface scheme,
                                        int64_t rows, int64_t columns) const;
  }];
}

def QOpt_MmaAttr : QOpt_Attr<"Mma", "mma",
    [DeclareAttrInterfaceMethods<QOpt_LayoutInterface>]> {
  let summary = "codes in the order of the operands of mma.sync";
  let description = [{
    Holds grouped schemes (2 to 6 and 8 bits; groups of 16, 32, 64, multiples of
    128 or whole rows) and the GGUF types whose codes are numbers, not places in
    a table. A tile of 16 x 64 codes is the A operands of four
    mma.sync.m16n8k16 (qopt/Formats/MmaLayout.h has the bits). Components:
    "packed" i8; "scales" f16, or i8 levels; "zeros" i8 with zero points,
    "super_scales" f16 with levels.

    Example: `!qopt.packed<256x256xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>`
  }];
  let parameters = (ins);
  let extraClassDeclaration = [{
    /// Where everything lies; the scheme must be one that the layout holds.
    static ::qopt::MmaLayout getLayout(::qopt::SchemeAttrInterface scheme,
                                       int64_t rows, int64_t columns);
  }];
}

//===----------------------------------------------------------------------===//
// Layouts of checkpoints: how other programs store the grouped scheme
//===----------------------------------------------------------------------===//

class QOpt_CheckpointLayout<string name, string mnemonicName>
    : QOpt_Attr<name, mnemonicName, [DeclareAttrInterfaceMethods<QOpt_LayoutInterface>]> {
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

class QOpt_DefaultEnum<EnumAttrInfo info, string value> : EnumParameter<info> {
  let defaultValue = value;
}

/// The type in which a checkpoint has its scales; f16 holds them exactly.
def QOpt_ScaleType : DefaultValuedParameter<"::mlir::Type", "::mlir::Float16Type::get($_ctxt)">;

def QOpt_GptqZeros : I32EnumAttr<"GptqZeros", "whether zero points are stored less one (v1) or as they are (v2)", [
    I32EnumAttrCase<"V1", 0, "v1">, I32EnumAttrCase<"V2", 1, "v2">]> {
  let cppNamespace = "::qopt";
  let genSpecializedAttr = 0;
}

def QOpt_GptqColumns : I32EnumAttr<"GptqColumns", "whether the matrix has the columns of the file as they are or sorted by group", [
    I32EnumAttrCase<"InOrder", 0, "in_order">, I32EnumAttrCase<"Sorted", 1, "sorted">]> {
  let cppNamespace = "::qopt";
  let genSpecializedAttr = 0;
}

def QOpt_GptqAttr : QOpt_CheckpointLayout<"Gptq", "gptq"> {
  let summary = "the tensors of GPTQ checkpoints";
  let description = [{
    Components "qweight" and "qzeros" i32, "scales", "g_idx" i32; transposed,
    packed along the inputs (qopt/Formats/GptqLayout.h has the bits). Version 1
    of the format stores zero points less one. `columns = sorted` reads a file
    in act-order: columns are sorted by g_idx, and a permuting view over the
    weight brings them back.

    Example: `!qopt.packed<256x256xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.gptq<zeros = v2>>`
  }];
  let parameters = (ins QOpt_DefaultEnum<QOpt_GptqZeros, "::qopt::GptqZeros::V1">:$zeros,
                        QOpt_ScaleType:$scales,
                        QOpt_DefaultEnum<QOpt_GptqColumns, "::qopt::GptqColumns::InOrder">:$columns);
}

def QOpt_AwqAttr : QOpt_CheckpointLayout<"Awq", "awq"> {
  let summary = "the tensors of AWQ checkpoints, version gemm";
  let description = [{
    Components "qweight" and "qzeros" i32, "scales"; transposed, 4-bit codes
    packed along the outputs (qopt/Formats/AwqLayout.h has the bits).

    Example: `!qopt.packed<256x256xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.awq>`
  }];
  let parameters = (ins QOpt_ScaleType:$scales);
}

def QOpt_WordFill : I32EnumAttr<"CodeWords", "whether codes may straddle words", [
    I32EnumAttrCase<"Dense", 0, "dense">, I32EnumAttrCase<"Whole", 1, "whole">]> {
  let cppNamespace = "::qopt";
  let genSpecializedAttr = 0;
}

def QOpt_PackQuantizedAttr : QOpt_CheckpointLayout<"PackQuantized", "pack_quantized"> {
  let summary = "the tensors of compressed-tensors' format pack-quantized";
  let description = [{
    Components "weight_packed" i32, "weight_scale", "weight_zero_point" i32
    unless the scheme is symmetric, and "weight_shape" i64
    (qopt/Formats/PackQuantizedLayout.h has the bits).

    Example: `!qopt.packed<256x256xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.pack_quantized<scales = bf16>>`
  }];
  let parameters = (ins QOpt_ScaleType:$scales,
                        QOpt_DefaultEnum<QOpt_WordFill, "::qopt::CodeWords::Dense">:$words);
}

//===----------------------------------------------------------------------===//
// References: where the numbers of a weight are
//===----------------------------------------------------------------------===//

def QOpt_FileAttr : QOpt_Attr<"File", "file"> {
  let summary = "a file that the module refers to";
  let description = [{
    A relative path is resolved against the directory of the .mlir file. If a
    size or hash is given, a file that no longer matches is an error.

    Example: `#qopt.file<"model.safetensors", size = 13644256, hash = "9f86d081884c7d65">`
  }];
  let parameters = (ins StringRefParameter<>:$path,
                        DefaultValuedParameter<"int64_t", "-1">:$size,
                        StringRefParameter<"XXH64 of samples of the content, in hexadecimal", "\"\"">:$hash);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def QOpt_ExternAttr : QOpt_Attr<"Extern", "extern"> {
  let summary = "the tensor of that name in a source of the module";
  let description = [{
    The value of an `ml_program.global` whose numbers lie in a file. The first
    parameter is a key of the module's `qopt.sources`; the second names the
    tensor, or the prefix of the components of a quantized weight. With `i of n`
    the tensor has one dimension more than the weight, which is one of `n` that
    lie in it one after the other: `[i]` along its first axis.

    Examples: `#qopt.extern<ckpt, "model.layers.0.self_attn.q_proj.weight">`,
    `#qopt.extern<ckpt, "blk.0.ffn_gate_exps.weight", 3 of 8>`
  }];
  let parameters = (ins StringRefParameter<>:$source, StringRefParameter<>:$tensor,
                        DefaultValuedParameter<"int64_t", "0">:$index,
                        DefaultValuedParameter<"int64_t", "0">:$count);
  let builders = [
    AttrBuilder<(ins "::llvm::StringRef":$source, "::llvm::StringRef":$tensor), [{
      return $_get($_ctxt, source, tensor, 0, 0);
    }]>
  ];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether the weight is one of several in the tensor.
    bool isStacked() const { return getCount() > 0; }
  }];
}

def QOpt_InlineAttr : QOpt_Attr<"Inline", "inline"> {
  let summary = "the components of a quantized or packed weight, in the module";
  let description = [{
    Example: `#qopt.inline<{codes = dense<[[16, 50]]> : tensor<1x2xi8>, scales = dense<1.0> : tensor<1x1xf16>}>`
  }];
  let parameters = (ins "::mlir::DictionaryAttr":$components);
  let assemblyFormat = "`<` $components `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Views: a float weight seen through a chain of exact transformations
//===----------------------------------------------------------------------===//

def QOpt_Axis : I32EnumAttr<"Axis", "rows (output channels) or columns (input channels)", [
    I32EnumAttrCase<"Rows", 0, "rows">, I32EnumAttrCase<"Columns", 1, "columns">]> {
  let cppNamespace = "::qopt";
  let genSpecializedAttr = 0;
}

def QOpt_SliceAttr : QOpt_Attr<"Slice", "slice"> {
  let summary = "view: `size` rows or columns from `offset`";
  let description = [{
    Example: `#qopt.slice<rows, offset = 256, size = 128>`
  }];
  let parameters = (ins EnumParameter<QOpt_Axis>:$axis, "int64_t":$offset, "int64_t":$size);
  let assemblyFormat = "`<` $axis `,` `offset` `=` $offset `,` `size` `=` $size `>`";
  let genVerifyDecl = 1;
}

def QOpt_TransposeAttr : QOpt_Attr<"Transpose", "transpose"> {
  let summary = "view: rows become columns";
  let parameters = (ins);
}

def QOpt_PermuteAttr : QOpt_Attr<"Permute", "permute"> {
  let summary = "view: row or column i of the result is `order[i]` of the operand";
  let description = [{
    Example: `#qopt.permute<columns, [2, 0, 1]>`
  }];
  let parameters = (ins EnumParameter<QOpt_Axis>:$axis, "::mlir::DenseI64ArrayAttr":$order);
  let assemblyFormat = "`<` $axis `,` custom<Order>($order) `>`";
  let genVerifyDecl = 1;
}

def QOpt_ScaleAttr : QOpt_Attr<"Scale", "scale"> {
  let summary = "view: each row or column times an f32 factor";
  let description = [{
    Example: `#qopt.scale<rows, dense<[1.0, 0.5]> : tensor<2xf32>>`
  }];
  let parameters = (ins EnumParameter<QOpt_Axis>:$axis, "::mlir::ElementsAttr":$factors);
  let assemblyFormat = "`<` $axis `,` $factors `>`";
  let genVerifyDecl = 1;
}

def QOpt_ClipAttr : QOpt_Attr<"Clip", "clip"> {
  let summary = "view: each group of columns of each row clipped to a share of its largest";
  let description = [{
    In row r, the g-th `group` columns are clipped to max|w| · (1 − step/20),
    step [rows, groups] from 0 to 19. The last step of a chain.

    Example: `#qopt.clip<group = 64, dense<[[0, 3]]> : tensor<1x2xi8>>`
  }];
  let parameters = (ins "int64_t":$group, "::mlir::ElementsAttr":$steps);
  let assemblyFormat = "`<` `group` `=` $group `,` $steps `>`";
  let genVerifyDecl = 1;
}

def QOpt_ViewAttr : QOpt_Attr<"View", "view"> {
  let summary = "a weight seen through a chain of views, the first applied first";
  let description = [{
    Nothing is rewritten until a quantizer or an exporter reads rows. `of` is
    the type of the base, which may be quantized: the view has its dequantized
    values. Where only rows are permuted, the view may be a `!qopt.quant` of the
    same scheme, too. A vector counts as one row.

    Example: `#qopt.view<#qopt.extern<ckpt, "w"> of tensor<64x32xf16>, [#qopt.transpose]>`
  }];
  let parameters = (ins "::mlir::Attribute":$base, "::mlir::ShapedType":$of,
                        "::mlir::ArrayAttr":$steps);
  let assemblyFormat = "`<` $base `of` $of `,` $steps `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The shape of the result of the whole chain.
    ::llvm::SmallVector<int64_t> getResultShape() const;
  }];
}

#endif // QOPT_DIALECT_QOPT_ATTRS_TD
