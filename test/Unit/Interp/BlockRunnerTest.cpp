//===- BlockRunnerTest.cpp - block by block is the whole model ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "TestModule.h"

#include "qopt/Interp/BlockSuffix.h"
#include "qopt/Interp/BlockWalk.h"

using namespace qopt;
using namespace qopt::test;

namespace {

using Inputs = std::map<std::string, std::vector<float>>;

/// Collects what every linear reads, by the symbol of its weight.
RunOptions collect(Inputs &inputs) {
  return {
      [&](LinearOp op, ConstMatrix input) -> Status {
        auto load =
            op.getWeight().getDefiningOp<mlir::ml_program::GlobalLoadConstOp>();
        std::vector<float> &rows =
            inputs[load.getGlobal().getLeafReference().str()];
        rows.insert(rows.end(), input.data,
                    input.data + input.rows * input.columns);
        return {};
      },
      nullptr};
}

TEST(BlockRunner, BlockByBlockIsTheWholeModel) {
  TestModule module(tinyModel());
  std::vector<std::vector<int32_t>> samples = {{3, 1, 4, 1}, {5, 9}, {2, 6, 5}};
  Inputs whole, blocks;
  auto entry = module.interpreter->prepare(module.function("forward"));
  ASSERT_TRUE(entry) << entry.error().message;
  for (const std::vector<int32_t> &sample : samples) {
    KvCache cache;
    auto positions = cache.beginCall({int64_t(sample.size())});
    ASSERT_TRUE(module.interpreter->run(
        *entry, {makeIndices(sample), positions, &cache}, collect(whole)));
  }

  auto structure = BlockStructure::find(*module.module);
  ASSERT_TRUE(structure) << structure.error().message;
  auto runner = BlockRunner::create(*module.interpreter, *structure);
  ASSERT_TRUE(runner) << runner.error().message;
  EXPECT_EQ(runner->blockCount(), 2);
  ASSERT_TRUE(runner->start(samples));
  for (int64_t i = 0; i < 2; ++i) {
    std::vector<float> before(numbers(Tensor::copyOf(runner->hidden())));
    ASSERT_TRUE(runner->run(i, collect(blocks), /*keepOutput=*/false));
    EXPECT_EQ(numbers(Tensor::copyOf(runner->hidden())), before);
    ASSERT_TRUE(runner->run(i, {}, /*keepOutput=*/true));
  }
  EXPECT_FALSE(runner->run(0, {}, true)) << "block 0 is not the next";
  ASSERT_TRUE(runner->runTail(collect(blocks)));

  ASSERT_EQ(whole.size(), 7u);
  for (auto &[symbol, rows] : whole) {
    ASSERT_EQ(blocks[symbol].size(), rows.size()) << symbol;
    for (size_t i = 0; i < rows.size(); ++i)
      EXPECT_NEAR(blocks[symbol][i], rows[i], 1e-5) << symbol;
  }
}

TEST(BlockRunner, AReplacedWeightChangesTheBlocksAfterIt) {
  TestModule module(tinyModel());
  auto run = [&] {
    auto runner = BlockRunner::create(*module.interpreter,
                                      *BlockStructure::find(*module.module));
    EXPECT_TRUE(runner->start({{3, 1, 4}}));
    EXPECT_TRUE(runner->run(0, {}, true));
    return numbers(Tensor::copyOf(runner->hidden()));
  };
  std::vector<float> before = run();
  ASSERT_TRUE(
      module.interpreter->weights().replace("v0", randomTensor(4, 8, 99)));
  EXPECT_NE(run(), before);
  module.interpreter->weights().restore("v0");
  EXPECT_EQ(run(), before);
}

TEST(BlockRunner, ActivationsBeyondTheLimitLieOnDiskAndAreTheSame) {
  TestModule module(tinyModel());
  auto run = [&](int64_t maxMemory) {
    QuantizationContext::Options options;
    options.maxMemory = maxMemory;
    Interpreter interpreter(*module.module,
                            std::make_shared<QuantizationContext>(options));
    auto runner =
        BlockRunner::create(interpreter, *BlockStructure::find(*module.module));
    EXPECT_TRUE(runner->start({{3, 1, 4, 1}, {5, 9}, {2, 6, 5}}));
    EXPECT_TRUE(runner->run(0, {}, true));
    EXPECT_TRUE(runner->run(1, {}, true));
    return numbers(Tensor::copyOf(runner->hidden()));
  };
  EXPECT_EQ(run(9 * 8 * 4 - 1), run(9 * 8 * 4));
}

TEST(BlockRunner, TheRestOfABlockIsTheBlockWithTheWeightsOfTheMoment) {
  TestModule module(tinyModel());
  auto runner = BlockRunner::create(*module.interpreter,
                                    *BlockStructure::find(*module.module));
  ASSERT_TRUE(runner->start({{3, 1, 4, 1}, {5, 9}, {2, 6, 5}}));
  ASSERT_TRUE(runner->run(0, {}, true));
  // Behind the queries: rope and attention follow.
  LinearOp keys;
  for (LinearOp op : module.function("block_1").getOps<LinearOp>())
    if (op.getOutputSize() == 4 && !keys)
      keys = op;
  auto suffix = runner->split(keys);
  ASSERT_TRUE(suffix) << suffix.error().message;
  auto rest = [&] {
    std::vector<float> values;
    EXPECT_TRUE(suffix->run([&](const Tensor &output) -> Status {
      llvm::append_range(values, output.values());
      return {};
    }));
    return values;
  };
  std::vector<float> before = rest();
  EXPECT_EQ(rest(), before);
  ASSERT_TRUE(
      module.interpreter->weights().replace("v1", randomTensor(4, 8, 99)));
  std::vector<float> changed = rest();
  EXPECT_NE(changed, before);
  ASSERT_TRUE(runner->run(1, {}, /*keepOutput=*/true));
  EXPECT_EQ(numbers(Tensor::copyOf(runner->hidden())), changed);
}

/// The inputs of all linears of block 1 and its output, one weight being
/// replaced where the third linear stands. With a limit, activations are on
/// disk.
std::vector<float> walked(TestModule &module, bool walk, int64_t maxMemory) {
  QuantizationContext::Options options;
  options.maxMemory = maxMemory;
  Interpreter interpreter(*module.module,
                          std::make_shared<QuantizationContext>(options));
  auto runner =
      BlockRunner::create(interpreter, *BlockStructure::find(*module.module));
  EXPECT_TRUE(runner->start({{3, 1, 4, 1}, {5, 9}, {2, 6, 5}}));
  EXPECT_TRUE(runner->run(0, {}, true));
  llvm::SmallVector<LinearOp> linears =
      llvm::to_vector(module.function("block_1").getOps<LinearOp>());
  std::vector<float> seen;
  BlockWalk walked(*runner);
  for (auto [index, linear] : llvm::enumerate(linears)) {
    if (index == 2)
      EXPECT_TRUE(interpreter.weights().replace("v1", randomTensor(4, 8, 99)));
    auto use = [&](ConstMatrix input) -> Status {
      llvm::append_range(seen, Tensor::copyOf(input).values());
      return {};
    };
    if (walk) {
      EXPECT_TRUE(walked.advance(
          linear, [&](const Tensor &input) { return use(input.matrix()); }));
      continue;
    }
    RunOptions run;
    run.observer = [&](LinearOp op, ConstMatrix input) -> Status {
      return op == linear ? use(input) : Status();
    };
    run.stopAfter = linear;
    EXPECT_TRUE(runner->run(1, run, /*keepOutput=*/false));
  }
  if (walk)
    EXPECT_TRUE(walked.finish());
  else
    EXPECT_TRUE(runner->run(1, {}, /*keepOutput=*/true));
  EXPECT_EQ(runner->position(), 2);
  llvm::append_range(seen, Tensor::copyOf(runner->hidden()).values());
  return seen;
}

TEST(BlockWalk, SeesWhatRunsFromTheStartSee) {
  TestModule module(tinyModel());
  const int64_t states = 9 * 8 * 4;
  std::vector<float> expected = walked(module, false, states);
  EXPECT_EQ(walked(module, true, 100 * states), expected);
  EXPECT_EQ(walked(module, true, 2 * states), expected) << "some on disk";
  EXPECT_EQ(walked(module, true, 0), expected) << "all on disk";
}

TEST(BlockWalk, DoesNotGoBack) {
  TestModule module(tinyModel());
  auto runner = BlockRunner::create(*module.interpreter,
                                    *BlockStructure::find(*module.module));
  ASSERT_TRUE(runner->start({{3, 1, 4}}));
  auto linears = module.function("block_0").getOps<LinearOp>();
  BlockWalk walk(*runner);
  auto ignore = [](const Tensor &) -> Status { return {}; };
  EXPECT_TRUE(walk.advance(*std::next(linears.begin()), ignore));
  EXPECT_FALSE(walk.advance(*linears.begin(), ignore));
  EXPECT_FALSE(walk.advance(
      *module.function("block_1").getOps<LinearOp>().begin(), ignore));
}

TEST(BlockStructure, AModuleWithoutEntryIsNoModel) {
  TestModule module(R"(
    func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      return %x : tensor<?x2xf32>
    })");
  auto structure = BlockStructure::find(*module.module);
  ASSERT_TRUE(structure) << structure.error().message;
  EXPECT_FALSE(structure->entry);
  EXPECT_EQ(structure->blocks.size(), 1u);
}

/// The tiny model with one piece of text replaced.
std::string edited(const std::string &from, const std::string &to) {
  std::string text = tinyModel();
  size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos);
  return text.replace(place, from.size(), to);
}

TEST(BlockStructure, SaysWhatItExpectedOfOtherShapes) {
  struct Case {
    std::string from, to, message;
  };
  for (const Case &wrong : {
           Case{"call @block_0", "call @block_1", "expected block 0"},
           Case{"%y = qopt.linear %x1", "%y = qopt.linear %x0",
                "only reader of its result"},
           Case{"llm.block = 1", "llm.block = 2", "there is no block 1"},
           Case{"llm.entry = @forward", "llm.entry = @block_0",
                "the entry of a model has the type"},
           Case{"llm.entry = @forward", "llm.entry = @nothing",
                "names no function"},
       }) {
    TestModule module(edited(wrong.from, wrong.to));
    auto structure = BlockStructure::find(*module.module);
    ASSERT_FALSE(structure) << wrong.message;
    EXPECT_NE(structure.error().message.find(wrong.message), std::string::npos)
        << structure.error().message;
  }
}

} // namespace
