//===- QOptInterfaces.td - what schemes and layouts can do -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_INTERFACES_TD
#define QOPT_DIALECT_QOPT_INTERFACES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/Interfaces.td"

def QOpt_SchemeInterface : AttrInterface<"SchemeAttrInterface"> {
  let cppNamespace = "::qopt";
  let description = [{
    Which numbers a quantized weight [rows, columns] can represent, and the
    arrays ("components") that hold them. Exporters, readers, verifiers and
    kernels learn everything about a scheme from here.
  }];
  let methods = [
    InterfaceMethod<"Whether a matrix of this shape can be held.",
      "::llvm::LogicalResult", "verifyShape",
      (ins "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError,
           "int64_t":$rows, "int64_t":$columns)>,
    InterfaceMethod<"The arrays that hold the matrix, in their fixed order.",
      "::std::vector<::qopt::Component>", "components",
      (ins "int64_t":$rows, "int64_t":$columns)>,
    InterfaceMethod<[{Name of the scheme inside kernel symbols: "int4_g64", "q4_0".}],
      "::std::string", "mnemonicName">,
  ];
}

def QOpt_LayoutInterface : AttrInterface<"LayoutAttrInterface"> {
  let cppNamespace = "::qopt";
  let description = [{
    Where the bits of a quantized weight lie so that one kind of kernel reads
    them in order. A layout changes no number: packing and unpacking are exact.
  }];
  let methods = [
    InterfaceMethod<"Whether the layout can hold such a matrix of this scheme.",
      "::llvm::LogicalResult", "verifyLayout",
      (ins "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError,
           "::qopt::SchemeAttrInterface":$scheme, "int64_t":$rows,
           "int64_t":$columns)>,
    InterfaceMethod<"The arrays that hold the packed matrix, in their fixed order.",
      "::std::vector<::qopt::Component>", "components",
      (ins "::qopt::SchemeAttrInterface":$scheme, "int64_t":$rows,
           "int64_t":$columns)>,
    InterfaceMethod<[{
        Rearranges a matrix: `source` are the components of the scheme and
        `target` those of the layout, all in their fixed order and allocated.
      }],
      "void", "pack",
      (ins "::qopt::SchemeAttrInterface":$scheme, "int64_t":$rows,
           "int64_t":$columns, "::qopt::ConstBuffers":$source,
           "::qopt::MutableBuffers":$target)>,
    InterfaceMethod<"The exact inverse of `pack`.",
      "void", "unpack",
      (ins "::qopt::SchemeAttrInterface":$scheme, "int64_t":$rows,
           "int64_t":$columns, "::qopt::ConstBuffers":$source,
           "::qopt::MutableBuffers":$target)>,
  ];
}

#endif // QOPT_DIALECT_QOPT_INTERFACES_TD
