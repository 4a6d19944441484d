//===- GgufTensors.h - the weights of a module as GGUF tensors
//---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_GGUFTENSORS_H
#define QOPT_LIB_EXPORT_GGUFTENSORS_H

#include "GgufModel.h"

#include "qopt/IO/Gguf.h"
#include "qopt/IO/ImportanceMatrix.h"
#include "qopt/Support/ThreadPool.h"
#include "qopt/Weights/WeightSource.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace qopt::detail {

/// A tensor and what it is made from: one weight, or that of all experts one
/// after the other.
struct GgufWeight {
  llvm::SmallVector<mlir::ml_program::GlobalOp, 1> globals;
  GgufDeclaration declaration;
  /// Channels of the heads whose rows are reordered, 0: none are.
  int64_t headDim = 0;
  /// What is added to the weights of a norm, which files hold whole.
  float offset = 0;
};

/// The tensors of a module in file order. Every global of the module must have
/// a place in the file; a matrix of floats gets `floatType` or, if there is
/// none, its own.
Result<std::vector<GgufWeight>> planTensors(mlir::ModuleOp module,
                                            const GgufModel &model,
                                            std::optional<GgufType> floatType);

struct GgufBytes {
  std::vector<uint8_t> bytes;
  float largestError = 0; // of rounded minima, see packGroupedBlocks
};

/// The bytes of `weight.globals[index]`. Floats are encoded with the weights
/// that `importance` has for them; null for none. Errors name the global.
Result<GgufBytes> tensorBytes(const GgufWeight &weight, size_t index,
                              const ImportanceMatrix *importance,
                              SourceFiles &files, ThreadPool &pool);

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_GGUFTENSORS_H
