//===- AssignTypes.h - what each weight is going to be ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// One place decides the type of every tensor, and writes it into the module:
//
//     ml_program.global private @l0.ffn_down(…) {qopt.scheme =
//     #qopt.gguf<q6_k>} : tensor<…>
//
// Quantizing passes, exporters and qopt plan read it there. A float type
// (`qopt.scheme = bf16`) says that the weight stays a float, stored as that.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_ASSIGNTYPES_H
#define QOPT_TRANSFORMS_ASSIGNTYPES_H

#include "qopt/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>
#include <vector>

namespace qopt {

/// The types that a user asks for. A type is int2 … int8 (grouped), a GGUF type
/// in lower case, or f32, f16, bf16.
struct TypeRequest {
  /// A type, or a mix of llama-quantize ("q4_k_m"; where both have one name it
  /// is the mix).
  std::string type;
  /// GGUF types only: that type for every matrix, no rules.
  bool pure = false;
  std::optional<int64_t> group;  // grouped types only; default 128
  std::optional<bool> symmetric; // grouped types only; default false
  /// Grouped types only: also the linears outside of the blocks.
  bool head = false;
  /// "REGEX=TYPE", the first that matches somewhere in the name of a tensor (as
  /// in a GGUF file, or its symbol) decides. One that matches none is an error.
  std::vector<std::string> tensorTypes;
  std::string outputType, embeddingType; // empty: by the rules
  /// There is an importance matrix, which some rules ask for.
  bool importance = false;
};

/// What is worth a line to the user.
struct AssignedTypes {
  std::vector<std::string> notes; // of rows that are not whole blocks
  int64_t weights = 0;
};

/// Gives weights of the module their `qopt.scheme`, replacing what earlier
/// calls decided: for GGUF types every matrix that llama-quantize would
/// quantize, for grouped types the weights of linears. A mix also becomes the
/// module's `qopt.mix`. Usage errors name the flag.
Result<AssignedTypes> assignTypes(mlir::ModuleOp module,
                                  const TypeRequest &request);

} // namespace qopt

#endif // QOPT_TRANSFORMS_ASSIGNTYPES_H
