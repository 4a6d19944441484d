//===- LiveStats.cpp - statistics from running the model block by block --===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "OriginalModel.h"

#include "qopt/Interp/BlockSuffix.h"
#include "qopt/Numerics/ErrorMetrics.h"
#include "qopt/Transforms/StatsProvider.h"

using namespace mlir;
using namespace qopt;

namespace {

/// Runs the rest of the block with the weights of the moment.
class LiveTrial : public BlockTrial {
public:
  LiveTrial(Interpreter &interpreter, BlockSuffix suffix)
      : interpreter(interpreter), suffix(std::move(suffix)) {}

  Status start() {
    return suffix.run([&](const Tensor &output) -> Status {
      reference.push_back(output);
      count += output.size();
      return {};
    });
  }

  Result<double> loss() override {
    double sum = 0;
    size_t batch = 0;
    QOPT_CHECK(suffix.run([&](const Tensor &output) -> Status {
      sum += squaredDistance(interpreter.services().compute(), output.matrix(),
                             reference[batch++].matrix());
      return {};
    }));
    return count ? sum / double(count) : 0;
  }

private:
  Interpreter &interpreter;
  BlockSuffix suffix;
  std::vector<Tensor> reference;
  int64_t count = 0;
};

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
            std::unique_ptr<OriginalModel> original,
            const CalibrationOptions &options)
      : interpreter(interpreter), walk(std::move(runner)),
        original(std::move(original)), sequential(options.sequential),
        products(options.products) {
    interpreter.module().walk([&](ml_program::GlobalLoadConstOp load) {
      readers[load.getGlobal().getLeafReference()].insert(
          load->getParentOfType<func::FuncOp>());
    });
  }

  Result<HessianStatistics> statistics(const PlannedBlock &block,
                                       const WeightGroup &group) override {
    if (sequential) {
      QOPT_CHECK(collect({&group, 1}));
    } else if (!collected.contains(group.firstLinear)) {
      QOPT_CHECK(collect(block.groups));
    }
    auto found = collected.find(group.firstLinear);
    HessianStatistics result = std::move(found->second);
    collected.erase(found);
    return result;
  }

  Result<std::unique_ptr<BlockTrial>> makeTrial(const PlannedBlock &,
                                                Operation *from) override {
    if (walk.inTail())
      return std::unique_ptr<BlockTrial>();
    QOPT_ASSIGN(BlockSuffix suffix, walk.blocks().split(from));
    auto trial = std::make_unique<LiveTrial>(interpreter, std::move(suffix));
    QOPT_CHECK(trial->start());
    return std::unique_ptr<BlockTrial>(std::move(trial));
  }

  Status replaced(ml_program::GlobalOp weight, Tensor numbers) override {
    return interpreter.weights().replace(weight.getSymName(),
                                         std::move(numbers));
  }

  int64_t sampleCount() const override { return walk.sampleCount(); }

  Status finishBlock(const PlannedBlock &block) override {
    if (walk.inTail())
      return {};
    if (original)
      QOPT_CHECK(original->finishBlock());
    RunOptions stoppable{[this](LinearOp, ConstMatrix) { return goOn(); }};
    QOPT_CHECK(walk.finishBlock(stoppable));
    letGo(block.function);
    return {};
  }

private:
  /// An error if the user stops a run that keeps nothing of a block. What is
  /// measured in sequence is kept block by block, and ends between blocks.
  Status goOn() {
    if (!sequential && interpreter.services().progress().stopped())
      return makeError(ErrorKind::Interrupted, "stopped");
    return {};
  }

  /// Forgets the numbers of weights that only a finished block reads, so that
  /// those of one block are in memory.
  void letGo(func::FuncOp function) {
    function.walk([&](ml_program::GlobalLoadConstOp load) {
      StringAttr name = load.getGlobal().getLeafReference();
      if (readers.lookup(name).size() > 1)
        return;
      interpreter.weights().restore(name);
      if (original)
        original->weights().restore(name);
    });
  }

  /// Gathers the inputs of groups, in order, behind the weights of the moment.
  Status collect(std::span<const WeightGroup> groups) {
    for (const WeightGroup &group : groups)
      QOPT_CHECK(collect(group));
    // Weights of the block will have changed: it is run anew when it is done.
    if (!sequential)
      walk.restartBlock();
    return {};
  }

  Status collect(const WeightGroup &group) {
    ComputeContext compute = interpreter.services().compute();
    HessianAccumulator moments(group.columns(), products);
    std::optional<CrossMoments> cross;
    if (original) {
      QOPT_CHECK(original->advance(group.firstLinear));
      cross.emplace(CrossMoments{CrossAccumulator(group.columns())});
    }
    QOPT_CHECK(
        walk.advance(group.firstLinear, [&](ConstMatrix input) -> Status {
          QOPT_CHECK(goOn());
          if (cross)
            cross->add(compute, *original, group.firstLinear, input);
          return moments.add(compute, input);
        }));
    HessianStatistics &result = collected[group.firstLinear];
    result = moments.finish(compute);
    if (cross)
      result.cross = cross->finish();
    return {};
  }

  Interpreter &interpreter;
  ModelWalk walk;
  std::unique_ptr<OriginalModel> original; // null unless it is asked for
  bool sequential, products;
  /// The functions that load each weight.
  DenseMap<StringAttr, DenseSet<Operation *>> readers;
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
  std::unique_ptr<OriginalModel> original;
  if (options.original) {
    runner.shareMemory(2);
    original = std::make_unique<OriginalModel>(interpreter.module());
    QOPT_CHECK(original->start(plan.structure, samples));
  }
  QOPT_CHECK(runner.start(std::move(samples)));
  return std::make_unique<LiveStats>(interpreter, std::move(runner),
                                     std::move(original), options);
}
