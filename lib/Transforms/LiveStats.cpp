//===- LiveStats.cpp - statistics from running the model block by block --===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/StatsProvider.h"

using namespace mlir;
using namespace qopt;

namespace {

class IdentityStats : public StatsProvider {
public:
  Result<HessianStatistics> statistics(const PlannedBlock &,
                                       const WeightGroup &group) override {
    return HessianStatistics::identity(group.columns());
  }
};

class LiveStats : public StatsProvider {
public:
  LiveStats(Interpreter &interpreter, BlockRunner runner,
            const CalibrationOptions &options)
      : interpreter(interpreter), runner(std::move(runner)),
        sequential(options.sequential), products(options.products) {}

  Result<HessianStatistics> statistics(const PlannedBlock &block,
                                       const WeightGroup &group) override {
    if (sequential) {
      QOPT_CHECK(collect(block, {&group, 1}));
    } else if (!collected.contains(group.firstLinear)) {
      QOPT_CHECK(collect(block, block.groups));
    }
    auto found = collected.find(group.firstLinear);
    HessianStatistics result = std::move(found->second);
    collected.erase(found);
    return result;
  }

  Status replaced(ml_program::GlobalOp weight, Tensor numbers) override {
    return interpreter.weights().replace(weight.getSymName(),
                                         std::move(numbers));
  }

  int64_t sampleCount() const override { return runner.sampleCount(); }

  Status finishBlock(const PlannedBlock &block) override {
    if (runner.position() < runner.blockCount())
      return runner.run(runner.position(), {}, /*keepOutput=*/true);
    return {};
  }

private:
  /// Runs the current block, or what follows the last one, and gathers the
  /// inputs of the groups.
  Status collect(const PlannedBlock &block,
                 std::span<const WeightGroup> groups) {
    DenseMap<Operation *, HessianAccumulator> accumulators;
    for (const WeightGroup &group : groups)
      accumulators.try_emplace(group.firstLinear, group.columns(), products);
    RunOptions options;
    ComputeContext compute = interpreter.services().compute();
    options.observer = [&](LinearOp linear, ConstMatrix input) -> Status {
      auto found = accumulators.find(linear);
      if (found == accumulators.end())
        return {};
      return found->second.add(compute, input);
    };
    options.stopAfter = LinearOp(groups.back().firstLinear).getOperation();
    if (runner.position() < runner.blockCount()) {
      QOPT_CHECK(runner.run(runner.position(), options, /*keepOutput=*/false));
    } else {
      QOPT_CHECK(runner.runTail(options));
    }
    for (const WeightGroup &group : groups)
      collected[group.firstLinear] =
          accumulators.find(group.firstLinear)->second.finish(compute);
    return {};
  }

  Interpreter &interpreter;
  BlockRunner runner;
  bool sequential, products;
  DenseMap<Operation *, HessianStatistics> collected;
};

} // namespace

std::unique_ptr<StatsProvider> qopt::identityStats() {
  return std::make_unique<IdentityStats>();
}

Result<std::unique_ptr<StatsProvider>>
qopt::liveStats(Interpreter &interpreter, const QuantizationPlan &plan,
                std::vector<std::vector<int32_t>> samples,
                const CalibrationOptions &options) {
  QOPT_ASSIGN(BlockRunner runner,
              BlockRunner::create(interpreter, plan.structure));
  QOPT_CHECK(runner.start(std::move(samples)));
  return std::make_unique<LiveStats>(interpreter, std::move(runner), options);
}
