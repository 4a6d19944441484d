//===- GgufTensors.h - the weights of a module as GGUF tensors --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_GGUFTENSORS_H
#define QOPT_LIB_EXPORT_GGUFTENSORS_H

#include "GgufModel.h"

#include "qopt/IO/Gguf.h"
#include "qopt/IO/ImportanceMatrix.h"
#include "qopt/Weights/QuantizationContext.h"
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

  /// Of the whole tensor.
  int64_t count() const {
    int64_t product = 1;
    for (int64_t extent : declaration.dims)
      product *= extent;
    return product;
  }
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

/// One of the globals of a GgufWeight, opened: rows of it as the file has them.
/// Errors name the global.
class GgufPart {
public:
  /// Floats will be encoded with the weights that `importance` has for
  /// `weight.globals[index]`; null for none. `weight` must outlive the part.
  static Result<GgufPart> open(const GgufWeight &weight, size_t index,
                               const ImportanceMatrix *importance,
                               SourceFiles &files);

  int64_t rows() const { return source.rows(); }
  int64_t columns() const { return source.columns(); }
  /// The number of rows to make at once, about `weights` weights.
  int64_t rowsAtOnce(int64_t weights) const;
  /// What reading rows means in bytes of the input; reads them into memory, and
  /// lets go of them.
  int64_t inputBytes(int64_t count) const;
  Status load(int64_t first, int64_t count) const;
  void release(int64_t first, int64_t count) const {
    source.release(first, count);
  }
  /// The bytes of rows [first, first + count).
  Result<GgufBytes> bytes(int64_t first, int64_t count,
                          QuantizationContext &services) const;

private:
  GgufPart(const GgufWeight &weight, mlir::ml_program::GlobalOp global,
           WeightSource source)
      : weight(&weight), global(global), source(std::move(source)) {}
  bool keepsBytes() const;
  bool isWhole() const;
  Result<GgufBytes> natural(int64_t first, int64_t count,
                            QuantizationContext &services) const;

  const GgufWeight *weight;
  mlir::ml_program::GlobalOp global;
  WeightSource source;
  std::vector<float> importance; // of the columns, or empty
};

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_GGUFTENSORS_H
