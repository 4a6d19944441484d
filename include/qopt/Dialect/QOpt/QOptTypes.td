//===- QOptTypes.td - weights that are no longer floats -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_TYPES_TD
#define QOPT_DIALECT_QOPT_TYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "qopt/Dialect/QOpt/QOptAttrs.td"

class QOpt_WeightType<string name, string mnemonicName>
    : TypeDef<QOpt_Dialect, name, [ShapedTypeInterface]> {
  let mnemonic = mnemonicName;
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool hasRank() const { return true; }
    ::mlir::ShapedType cloneWith(::std::optional<::llvm::ArrayRef<int64_t>> shape,
                                 ::mlir::Type elementType) const;
    int64_t getRows() const { return getShape()[0]; }
    int64_t getColumns() const { return getShape()[1]; }
    /// The arrays that hold the weight, in their fixed order.
    ::std::vector<::qopt::Component> components() const;
  }];
}

def QOpt_QuantType : QOpt_WeightType<"Quant", "quant"> {
  let summary = "a weight [rows, columns] quantized to a scheme";
  let description = [{
    The element type is that of the float weight it came from.

    Example: `!qopt.quant<256x768xf16, #qopt.grouped<bits = 4, group = 64>>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        "::qopt::SchemeAttrInterface":$scheme);
}

def QOpt_PackedType : QOpt_WeightType<"Packed", "packed"> {
  let summary = "a quantized weight whose bits lie as a kernel wants them";
  let description = [{
    Example: `!qopt.packed<256x768xf16, #qopt.gguf<q4_0>, #qopt.blocks>`
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        "::qopt::SchemeAttrInterface":$scheme,
                        "::qopt::LayoutAttrInterface":$layout);
}

/// A weight matrix in any of its three states.
def QOpt_Weight : AnyTypeOf<[2DTensorOf<[F16, BF16, F32]>, QOpt_QuantType, QOpt_PackedType],
    "a weight matrix: a 2-D float tensor, !qopt.quant or !qopt.packed", "::mlir::ShapedType">;

#endif // QOPT_DIALECT_QOPT_TYPES_TD
