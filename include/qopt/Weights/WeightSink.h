//===- WeightSink.h - where a pass puts the weights it makes -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Inline weights stay inline; weights from files go to an archive, a
// safetensors file with one tensor `<symbol>.<component>` per component. What
// the archive will hold is declared before the first weight is made, so that
// weights are written as they come and only one is in memory at a time.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_WEIGHTS_WEIGHTSINK_H
#define QOPT_WEIGHTS_WEIGHTSINK_H

#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/IO/Safetensors.h"
#include "qopt/Weights/SourceFiles.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"

namespace qopt {

/// The bytes of the components of a weight, in their fixed order.
using WeightBytes = std::vector<std::vector<uint8_t>>;

/// A grouped matrix as its components: packed codes, scales, zeros.
WeightBytes groupedBytes(const GroupedMatrix &matrix);
/// The inverse; the bytes must be as many as the components of the scheme.
GroupedMatrix groupedMatrix(const GroupedScheme &scheme, int64_t rows,
                            int64_t columns,
                            llvm::ArrayRef<ByteSpan> components);

/// A global that is going to hold a weight of another type.
struct PlannedWeight {
  mlir::ml_program::GlobalOp global;
  mlir::ShapedType type; // the new one
  bool isInline;         // where the new value goes
};

class WeightSink {
public:
  /// `archivePath` may be empty if every planned weight is inline. An archive
  /// under that name that the module already uses is replaced by one that also
  /// holds whatever else the module refers to in it.
  static Result<WeightSink> create(mlir::ModuleOp module,
                                   std::vector<PlannedWeight> weights,
                                   llvm::StringRef archivePath,
                                   SourceFiles &files);

  /// Takes the bytes of a planned weight. Any order; thread-safe. The module is
  /// not touched.
  Status store(mlir::ml_program::GlobalOp global, WeightBytes bytes);

  /// Completes the archive and gives every planned global its new type and
  /// value, and every load of it its new type.
  Status finish(SourceFiles &files);

private:
  struct State;
  explicit WeightSink(std::unique_ptr<State> state);

public:
  WeightSink(WeightSink &&) noexcept;
  WeightSink &operator=(WeightSink &&) noexcept;
  ~WeightSink();

private:
  std::unique_ptr<State> state;
};

} // namespace qopt

#endif // QOPT_WEIGHTS_WEIGHTSINK_H
