//===- OriginalModel.h - the float model beside the quantized one -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_ORIGINALMODEL_H
#define QOPT_LIB_TRANSFORMS_ORIGINALMODEL_H

#include "qopt/Interp/BlockWalk.h"
#include "qopt/Numerics/Gptaq.h"
#include "qopt/Transforms/QuantizationPlan.h"

namespace qopt {

/// Moves the samples through the float model, beside the one that is being
/// quantized.
class OriginalModel {
public:
  explicit OriginalModel(mlir::ModuleOp module)
      : interpreter(module, getQuantizationContext(module)) {}

  Status start(const BlockStructure &structure,
               const std::vector<std::vector<int32_t>> &samples) {
    QOPT_ASSIGN(runner, BlockRunner::create(interpreter, structure));
    return runner->start(samples);
  }

  /// Holds what some linears of the next block, or of the tail, read.
  Status collect(std::span<const WeightGroup> groups) {
    inputs.clear();
    for (const WeightGroup &group : groups)
      inputs[group.firstLinear];
    if (runner->position() >= runner->blockCount()) {
      RunOptions options;
      options.observer = [&](LinearOp linear, ConstMatrix input) -> Status {
        if (auto found = inputs.find(linear); found != inputs.end())
          found->second.push_back(Tensor::copyOf(input));
        return {};
      };
      options.stopAfter = LinearOp(groups.back().firstLinear).getOperation();
      return runner->runTail(options);
    }
    if (!walk)
      walk.emplace(*runner);
    for (const WeightGroup &group : groups)
      QOPT_CHECK(walk->advance(group.firstLinear, [&](const Tensor &input) {
        inputs.find(group.firstLinear)->second.push_back(input);
        return Status();
      }));
    return {};
  }

  /// What a linear reads in one batch of samples.
  const Tensor &input(LinearOp linear, int64_t batch) {
    return inputs.find(linear)->second[batch];
  }

  WeightStore &weights() { return interpreter.weights(); }

  Status finishBlock() {
    Status finished =
        walk ? walk->finish()
             : runner->run(runner->position(), {}, /*keepOutput=*/true);
    walk.reset();
    return finished;
  }

private:
  Interpreter interpreter;
  std::optional<BlockRunner> runner;
  std::optional<BlockWalk> walk; // if it has begun
  llvm::DenseMap<mlir::Operation *, std::vector<Tensor>> inputs;
};

/// C of one group of linears. Where the models route different tokens to an
/// expert, its rows do not belong together, and there is none.
struct CrossMoments {
  CrossAccumulator sums;
  int64_t batch = 0;
  bool comparable = true;

  void add(const ComputeContext &context, OriginalModel &original,
           LinearOp linear, ConstMatrix present) {
    const Tensor &input = original.input(linear, batch++);
    comparable &= input.rows() == present.rows;
    if (comparable)
      sums.add(context, input.matrix(), present);
  }
  std::vector<float> finish() {
    return comparable ? sums.finish() : std::vector<float>();
  }
};

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_ORIGINALMODEL_H
