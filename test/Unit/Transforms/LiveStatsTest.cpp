#include "Interp/TestModule.h"
#include "qopt/Transforms/StatsProvider.h"

using namespace qopt;
using namespace qopt::test;

static const std::vector<std::vector<int32_t>> samples = {
    {3, 1, 4, 1}, {5, 9}, {2, 6, 5}};

TEST(LiveStats, FinishedBlocksLeaveNoWeightsInMemory) {
  TestModule module(tinyModel());
  auto plan = planQuantization(*module.module, /*includeHead=*/false);
  ASSERT_TRUE(plan);
  auto stats = liveStats(*module.interpreter, *plan, samples, {});
  ASSERT_TRUE(stats) << stats.error().message;
  for (const PlannedBlock &block : plan->blocks) {
    for (const WeightGroup &group : block.groups) {
      auto statistics = (*stats)->statistics(block, group);
      ASSERT_TRUE(statistics);
      EXPECT_EQ(statistics->samples, 9);
      EXPECT_TRUE(statistics->cross.empty());
    }
    ASSERT_TRUE((*stats)->finishBlock(block));
    EXPECT_EQ(module.interpreter->weights().cachedBytes(), 0);
  }
}

TEST(LiveStats, CrossMomentsCompareWithTheFloatModel) {
  TestModule module(tinyModel());
  auto plan = planQuantization(*module.module, /*includeHead=*/true);
  ASSERT_TRUE(plan);
  CalibrationOptions options;
  options.original = true;
  auto stats = liveStats(*module.interpreter, *plan, samples, options);
  ASSERT_TRUE(stats) << stats.error().message;
  auto largest = [&](const PlannedBlock &block) {
    auto statistics = (*stats)->statistics(block, block.groups.front());
    EXPECT_TRUE(statistics);
    float result = 0;
    for (float value : statistics->cross)
      result = std::max(result, std::fabs(value));
    EXPECT_EQ(statistics->cross.size(), 64u);
    return result;
  };
  // Both models read the same until a weight is another one.
  EXPECT_EQ(largest(plan->blocks[0]), 0);
  auto v0 = module.module->lookupSymbol<mlir::ml_program::GlobalOp>("v0");
  ASSERT_TRUE((*stats)->replaced(v0, randomTensor(4, 8, 99)));
  ASSERT_TRUE((*stats)->finishBlock(plan->blocks[0]));
  EXPECT_GT(largest(plan->blocks[1]), 0);
  ASSERT_TRUE((*stats)->finishBlock(plan->blocks[1]));
  EXPECT_GT(largest(plan->tail), 0);
}
