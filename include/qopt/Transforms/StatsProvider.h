//===- StatsProvider.h - where statistics of linear inputs come from -----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_STATSPROVIDER_H
#define QOPT_TRANSFORMS_STATSPROVIDER_H

#include "qopt/IO/Safetensors.h"
#include "qopt/Numerics/Hessian.h"
#include "qopt/Support/Progress.h"
#include "qopt/Transforms/QuantizationPlan.h"

namespace qopt {

/// What calibration is to be done with.
struct CalibrationOptions {
  std::string text;       // file to take samples from; empty: the model's own
  int64_t samples = 128;  // at most, of the text
  int64_t context = 0;    // tokens per sample; 0: min(2048, what the model has)
  std::string stats;      // saved statistics to use instead
  bool sequential = true; // measure behind the weights quantized so far
  bool products = true;   // measure H, not only its diagonal
  bool original = false;  // measure C of Gptaq.h, too; not if saved
};

/// Tries weights in the block that is being worked on.
class BlockTrial {
public:
  virtual ~BlockTrial() = default;
  /// The mean square of what the output of the block has changed by since the
  /// trial was made, on all samples.
  virtual Result<double> loss() = 0;
};

/// Answers a quantizer that works through a plan in order.
class StatsProvider {
public:
  virtual ~StatsProvider() = default;
  /// Of the inputs of a group of the block that is being worked on.
  virtual Result<HessianStatistics> statistics(const PlannedBlock &block,
                                               const WeightGroup &group) = 0;
  /// A trial of weights that are read by `from` or later in the block; null if
  /// there is nothing that could be run.
  virtual Result<std::unique_ptr<BlockTrial>>
  makeTrial(const PlannedBlock &block, mlir::Operation *from) {
    return std::unique_ptr<BlockTrial>();
  }
  /// The weight has been quantized, and stands for these numbers [N, K].
  virtual Status replaced(mlir::ml_program::GlobalOp weight, Tensor numbers) {
    return {};
  }
  /// Samples that it measures on, of one length.
  virtual int64_t sampleCount() const { return 1; }
  /// All groups of the block are done.
  virtual Status finishBlock(const PlannedBlock &block) { return {}; }
};

/// H = I for every group: for modules without a model around the linears.
std::unique_ptr<StatsProvider> identityStats();

/// Statistics that writeStats saved.
Result<std::unique_ptr<StatsProvider>> fileStats(const std::string &path);

/// Runs the model block by block on samples. Memory: the hidden states of all
/// samples, one batch, and the Hessians of one block. With `sequential`, each
/// group is measured behind the already quantized weights of its own block,
/// which takes one more run of the block per group. With `original`, a second
/// runner moves the samples through the float weights, and the inputs that one
/// group has there are held, too.
Result<std::unique_ptr<StatsProvider>>
liveStats(Interpreter &interpreter, const QuantizationPlan &plan,
          std::vector<std::vector<int32_t>> samples,
          const CalibrationOptions &options);

/// The provider that options ask for: saved statistics, else live ones on the
/// text, else live ones on text that the model samples from itself (with a
/// note), else, for a bare module, the identity (with a warning at the module).
/// `interpreter` must outlive the provider.
Result<std::unique_ptr<StatsProvider>>
makeStatsProvider(const QuantizationPlan &plan, Interpreter &interpreter,
                  const CalibrationOptions &options);

/// Asks a provider about every group of a plan, in order. BadInput if there is
/// none.
Status measureGroups(
    const QuantizationPlan &plan, StatsProvider &provider, Progress &progress,
    llvm::function_ref<Status(const WeightGroup &, const HessianStatistics &)>
        use);

/// Saves statistics of the groups of a plan as a safetensors file:
/// `<group>.hessian` F32 [K, K], `<group>.mean_abs`, `.sum_squares`,
/// `.max_abs` F32 [K]; metadata `<weight>` = its group, `<group>.samples` = n.
class StatsWriter {
public:
  /// `plan` must outlive the writer.
  StatsWriter(const QuantizationPlan &plan, std::string path)
      : plan(plan), path(std::move(path)) {}
  Status add(const WeightGroup &group, const HessianStatistics &statistics);
  Status finish();

private:
  Status begin(int64_t samples);
  const QuantizationPlan &plan;
  std::string path;
  std::optional<SafetensorsWriter> writer;
};

} // namespace qopt

#endif // QOPT_TRANSFORMS_STATSPROVIDER_H
