//===- Hessian.h - statistics of a linear's inputs --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_HESSIAN_H
#define QOPT_NUMERICS_HESSIAN_H

#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/MatrixView.h"

#include <vector>

namespace qopt {

/// What calibration knows about the inputs x of a linear with K columns.
struct HessianStatistics {
  int64_t columns = 0;              // K
  int64_t samples = 0;              // n: rows (token positions) seen
  std::vector<double> hessian;      // [K, K] symmetric: 2/n Σ x xᵀ; or empty
  std::vector<double> meanAbsolute; // [K]: mean |x|
  std::vector<double> sumSquares;   // [K]: Σ x²
  std::vector<float> maxAbsolute;   // [K]: max |x|
  std::vector<float> cross;         // [K, K]: C of Gptaq.h; usually empty

  /// No samples and H = I: what to use when there is no calibration data.
  static HessianStatistics identity(int64_t columns);
};

/// Collects HessianStatistics over batches of activations. Rows are buffered
/// to pieces of a fixed size, so that the result does not depend on how they
/// were cut into batches.
class HessianAccumulator {
public:
  /// Without `products` the Hessian stays empty; the rest is cheap.
  explicit HessianAccumulator(int64_t columns, bool products = true);

  /// Adds activations [rows, K]. A value that is not finite is an error naming
  /// its place, and nothing of the batch is added.
  Status add(const ComputeContext &context, ConstMatrix activations);

  int64_t samples() const { return count; }

  /// The statistics of everything added. The accumulator is empty afterwards.
  HessianStatistics finish(const ComputeContext &context);

private:
  void addBuffer(const ComputeContext &context);
  void addPiece(const ComputeContext &context, ConstMatrix piece);

  int64_t columns, count = 0, buffered = 0;
  bool products;
  std::vector<double> sums; // [K, K], upper triangle; empty before a piece
  std::vector<double> sumAbsolute, sumSquares;
  std::vector<float> maxAbsolute;
  std::vector<float> buffer; // [rowsPerPiece, K]
};

} // namespace qopt

#endif // QOPT_NUMERICS_HESSIAN_H
