//===- AwqSearch.h - AWQ on one block ---------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_AWQSEARCH_H
#define QOPT_LIB_TRANSFORMS_AWQSEARCH_H

#include "PassSupport.h"

#include "qopt/Numerics/Awq.h"
#include "qopt/Transforms/ScaleFolds.h"
#include "qopt/Transforms/StatsProvider.h"

namespace qopt {

/// Searches scales and clips for the weights of one block of a plan. All
/// scales are searched on the original weights, then folded, then clips are
/// searched on the result.
class AwqSearch {
public:
  /// Weights without an assigned scheme are going to have `scheme`.
  AwqSearch(const PlannedBlock &block, StatsProvider &provider,
            Interpreter &interpreter, SchemeAttrInterface scheme)
      : block(block), provider(provider), interpreter(interpreter),
        scheme(scheme) {}

  /// Measures the inputs of all groups.
  Status measure();
  /// Searches the scales of a fold. Nothing if it has no weight of the plan, or
  /// none that any sample reaches.
  Result<std::optional<AwqChoice>> choose(const ScaleFold &fold,
                                          const AwqOptions &options);
  /// Folds the chosen scales into the module.
  Status fold(const ScaleFold &fold, const AwqChoice &choice);
  /// Clips the weights of a group where it helps; how many that were.
  Result<int64_t> clip(const WeightGroup &group);

private:
  struct Consumer {
    mlir::ml_program::GlobalOp weight;
    mlir::Value input;
    std::vector<int64_t> scales; // of each column
    std::vector<float> numbers;  // [N, K]
    MatrixRounder round;

    ConstMatrix matrix() const {
      int64_t columns = scales.size();
      return {numbers.data(), int64_t(numbers.size()) / columns, columns};
    }
  };
  Result<std::vector<Consumer>> consumersOf(const ScaleFold &fold);
  std::vector<double> activations(llvm::ArrayRef<Consumer> consumers,
                                  int64_t scaleCount);
  Result<double> lossOf(llvm::ArrayRef<Consumer> consumers,
                        std::span<const float> scales, BlockTrial *trial);
  Result<Tensor> rounded(const WeightSource &source,
                         const MatrixRounder &round);
  MatrixRounder rounderOf(mlir::ml_program::GlobalOp weight) const;
  ComputeContext compute() const { return interpreter.services().compute(); }

  const PlannedBlock &block;
  StatsProvider &provider;
  Interpreter &interpreter;
  SchemeAttrInterface scheme;
  llvm::DenseMap<mlir::Value, HessianStatistics> statistics;
  /// What the columns of a weight were multiplied with.
  llvm::DenseMap<mlir::Operation *, std::vector<float>> columnScales;
};

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_AWQSEARCH_H
