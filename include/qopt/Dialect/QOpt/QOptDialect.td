//===- QOptDialect.td - the quantization dialect -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_DIALECT_TD
#define QOPT_DIALECT_QOPT_DIALECT_TD

include "mlir/IR/OpBase.td"

def QOpt_Dialect : Dialect {
  let name = "qopt";
  let cppNamespace = "::qopt";
  let summary = "Quantized weights: schemes, layouts, references, and the linear op";
  let description = [{
    The dialect that other compilers embed. A weight is a symbol whose value
    says where its numbers are, and it is in one of three states:

    | state     | type                                   | made by                |
    |-----------|----------------------------------------|------------------------|
    | float     | `tensor<NxKxf16>`                      | import                 |
    | quantized | `!qopt.quant<NxKxf16, scheme>`         | a quantizing pass      |
    | packed    | `!qopt.packed<NxKxf16, scheme, layout>`| a packing pass         |

    A *scheme* says which numbers can be represented, a *layout* says which bit
    lies where. `qopt.linear` takes a weight in any state.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();

    /// Dictionary on a module: source name -> #qopt.file.
    static constexpr ::llvm::StringLiteral kSources = "qopt.sources";
    /// On a float weight, what it is going to be: a scheme, or a float type.
    static constexpr ::llvm::StringLiteral kScheme = "qopt.scheme";
    /// On a module, the name of the mix that its schemes follow.
    static constexpr ::llvm::StringLiteral kMix = "qopt.mix";
    /// Dictionaries on a module, for model cards: how it was quantized, and
    /// what was measured of it.
    static constexpr ::llvm::StringLiteral kRecipe = "qopt.recipe";
    static constexpr ::llvm::StringLiteral kQuality = "qopt.quality";
  }];
}

#endif // QOPT_DIALECT_QOPT_DIALECT_TD
