//===- Importance.h - importance matrices and modules -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_IMPORTANCE_H
#define QOPT_TRANSFORMS_IMPORTANCE_H

#include "qopt/IO/ImportanceMatrix.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// How a weight is called in files of other programs: as the tensor that it is
/// in a GGUF file, or by its symbol if it has no place there.
std::string tensorName(mlir::ml_program::GlobalOp global);

/// Where a weight lies in such a file: which of how many matrices of a tensor,
/// which are several for the weights of experts.
struct TensorPlace {
  std::string tensor;
  int64_t matrix = 0, matrices = 1;
};
TensorPlace tensorPlace(mlir::ml_program::GlobalOp global);

/// The weights of a scale search in one matrix, [columns]; empty if the tensor
/// was not measured. BadInput if its entry does not fit.
Result<std::vector<float>> matrixWeights(const ImportanceMatrix &importance,
                                         const TensorPlace &place,
                                         int64_t columns);

/// Compares an importance matrix with the weights of a module that are to be
/// quantized. BadInput if it knows none of them, or one of another size; else
/// the names of those that it does not know, separated by commas.
Result<std::string> checkImportance(mlir::ModuleOp module,
                                    const ImportanceMatrix &importance);

} // namespace qopt

#endif // QOPT_TRANSFORMS_IMPORTANCE_H
