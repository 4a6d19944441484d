//===- InterpreterTest.cpp - each op against a loop -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "TestModule.h"

#include <cmath>

using namespace qopt;
using namespace qopt::test;

namespace {

void expectNear(const Tensor &actual, const std::vector<double> &expected) {
  ASSERT_EQ(size_t(actual.size()), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(actual.values()[i], expected[i], 1e-5) << "element " << i;
}

TEST(Interpreter, LinearIsTheProductWithTheTransposedWeightPlusBias) {
  TestModule module(R"(
    ml_program.global private @w(dense<[[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0]]> : tensor<2x3xf16>) : tensor<2x3xf16>
    ml_program.global private @b(dense<[10.0, 20.0]> : tensor<2xf32>) : tensor<2xf32>
    func.func @f(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
      %w = ml_program.global_load_const @w : tensor<2x3xf16>
      %b = ml_program.global_load_const @b : tensor<2xf32>
      %y = qopt.linear %x, %w, %b : tensor<?x3xf32>, tensor<2x3xf16>, tensor<2xf32> -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    })");
  auto result = module.run({tensor(3, {1, 1, 1, 0, 2, -1})});
  ASSERT_TRUE(result) << result.error().message;
  expectNear(*result, {16, 19.5, 11, 21});
}

TEST(Interpreter, QuantizedWeightsStandForWhatTheyDecodeTo) {
  // Codes 2, 3 in the first byte of row 0 (low bits first), scale 0.5, zero 8.
  TestModule module(R"(
    ml_program.global private @w(#qopt.inline<{codes = dense<[[50]]> : tensor<1x1xi8>, scales = dense<0.5> : tensor<1x1xf16>}>) : !qopt.quant<1x2xf16, #qopt.grouped<bits = 4, group = 2, symmetric>>
    func.func @f() -> tensor<1x2xf32> {
      %w = ml_program.global_load_const @w : !qopt.quant<1x2xf16, #qopt.grouped<bits = 4, group = 2, symmetric>>
      %f = qopt.dequantize %w : !qopt.quant<1x2xf16, #qopt.grouped<bits = 4, group = 2, symmetric>> -> tensor<1x2xf32>
      return %f : tensor<1x2xf32>
    })");
  auto result = module.run({});
  ASSERT_TRUE(result) << result.error().message;
  expectNear(*result, {-3, -2.5});
}

TEST(Interpreter, EmbeddingPicksRowsAndRefusesTokensOutsideOfTheTable) {
  TestModule module(R"(
    ml_program.global private @t(dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>) : tensor<3x2xf32>
    func.func @f(%i: tensor<?xi32>) -> tensor<?x2xf32> {
      %t = ml_program.global_load_const @t : tensor<3x2xf32>
      %x = llm.embedding %i, %t : tensor<?xi32>, tensor<3x2xf32> -> tensor<?x2xf32>
      return %x : tensor<?x2xf32>
    })");
  auto result = module.run({makeIndices({2, 0})});
  ASSERT_TRUE(result) << result.error().message;
  expectNear(*result, {5, 6, 1, 2});
  auto outside = module.run({makeIndices({3})});
  ASSERT_FALSE(outside);
  EXPECT_NE(outside.error().message.find("token 3"), std::string::npos);
  EXPECT_NE(outside.error().message.find("llm.embedding"), std::string::npos);
}

TEST(Interpreter, NormRopeAndGateFollowTheirFormulas) {
  TestModule module(R"(
    func.func @f(%x: tensor<?x4xf32>, %pos: tensor<?xi32>) -> tensor<?x4xf32> {
      %g = arith.constant dense<[1.0, 2.0, 0.5, -1.0]> : tensor<4xf32>
      %n = llm.rms_norm %x, %g {eps = 1.0e-05 : f32} : tensor<?x4xf32>, tensor<4xf32>
      %r = llm.rope %n, %pos {head_dim = 4 : i64, theta = 1.0e2 : f64} : tensor<?x4xf32>, tensor<?xi32>
      %i = llm.rope %r, %pos {head_dim = 4 : i64, theta = 1.0e2 : f64, interleaved} : tensor<?x4xf32>, tensor<?xi32>
      %y = llm.gated %i, %x {activation = #llm.activation<silu>} : tensor<?x4xf32>
      return %y : tensor<?x4xf32>
    })");
  std::vector<float> x = {0.3f, -1.2f, 0.7f, 2.0f};
  const double gain[] = {1, 2, 0.5, -1}, position = 5;
  double square = 0, n[4];
  for (float value : x)
    square += double(value) * value / 4;
  for (int i = 0; i < 4; ++i)
    n[i] = x[i] / std::sqrt(square + 1e-5) * gain[i];
  auto turn = [&](double &a, double &b, double frequency) {
    double c = std::cos(position * frequency),
           s = std::sin(position * frequency), low = a, high = b;
    a = low * c - high * s;
    b = high * c + low * s;
  };
  turn(n[0], n[2], 1.0);
  turn(n[1], n[3], 0.1);
  turn(n[0], n[1], 1.0);
  turn(n[2], n[3], 0.1);
  std::vector<double> expected;
  for (int i = 0; i < 4; ++i)
    expected.push_back(n[i] / (1 + std::exp(-n[i])) * x[i]);
  Tensor input = tensor(4, x);
  auto result = module.run({input, makeIndices({5})});
  ASSERT_TRUE(result) << result.error().message;
  expectNear(*result, expected);
  EXPECT_EQ(numbers(input), x) << "an argument was overwritten";
}

TEST(Interpreter, ElementwiseOpsReadTheSameOperandTwice) {
  TestModule module(R"(
    func.func @f(%a: tensor<?x2xf32>, %b: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %s = arith.addf %a, %b : tensor<?x2xf32>
      %d = arith.subf %s, %a : tensor<?x2xf32>
      %p = arith.mulf %d, %d : tensor<?x2xf32>
      %q = arith.addf %p, %s : tensor<?x2xf32>
      return %q : tensor<?x2xf32>
    })");
  auto result = module.run({tensor(2, {1, 2}), tensor(2, {3, -4})});
  ASSERT_TRUE(result) << result.error().message;
  expectNear(*result, {9 + 4, 16 - 2});
  EXPECT_FALSE(module.run({tensor(2, {1, 2}), tensor(2, {1, 2, 3, 4})}));
}

TEST(Interpreter, NamesTheOpAndTheLineThatItDoesNotExecute) {
  TestModule module(R"(
    func.func @f(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
      %y = arith.divf %x, %x : tensor<2x2xf32>
      return %y : tensor<2x2xf32>
    })");
  auto result = module.run({tensor(2, {1, 2, 3, 4})});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find(":3:"), std::string::npos);
  EXPECT_NE(result.error().message.find("arith.divf"), std::string::npos);
}

TEST(Interpreter, RefusesRecursionAndArgumentsOfAnotherShape) {
  TestModule recursive(R"(
    func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      %y = call @f(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
      return %y : tensor<?x2xf32>
    })");
  auto result = recursive.run({tensor(2, {1, 2})});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("recursion"), std::string::npos);
  TestModule identity(R"(
    func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
      return %x : tensor<?x2xf32>
    })");
  EXPECT_TRUE(identity.run({tensor(2, {1, 2})}));
  EXPECT_FALSE(identity.run({tensor(3, {1, 2, 3})}));
  EXPECT_FALSE(identity.run({}));
}

const char *twoWeights = R"(
    ml_program.global private @a(dense<2.0> : tensor<4x4xf32>) : tensor<4x4xf32>
    ml_program.global private @b(dense<3.0> : tensor<4x4xf32>) : tensor<4x4xf32>
    func.func @f(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
      %a = ml_program.global_load_const @a : tensor<4x4xf32>
      %b = ml_program.global_load_const @b : tensor<4x4xf32>
      %y = qopt.linear %x, %a : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
      %z = qopt.linear %y, %b : tensor<?x4xf32>, tensor<4x4xf32> -> tensor<?x4xf32>
      return %z : tensor<?x4xf32>
    })";

TEST(WeightStore, StaysWithinItsBudgetWithoutChangingResults) {
  for (int64_t budget : {int64_t(0), int64_t(64), WeightStore::unlimited}) {
    TestModule module(twoWeights, 2, budget);
    for (int round = 0; round < 2; ++round) {
      auto result = module.run({tensor(4, {1, 0, 0, 0})});
      ASSERT_TRUE(result) << result.error().message;
      expectNear(*result, {24, 24, 24, 24});
    }
    EXPECT_LE(module.interpreter->weights().cachedBytes(),
              std::min<int64_t>(budget, 128));
  }
}

TEST(WeightStore, ReplacementsHoldUntilTheyAreRestored) {
  TestModule module(twoWeights);
  WeightStore &weights = module.interpreter->weights();
  ASSERT_TRUE(module.run({tensor(4, {1, 0, 0, 0})}));
  ASSERT_TRUE(weights.replace("b", tensor(4, std::vector<float>(16, 1))));
  expectNear(*module.run({tensor(4, {1, 0, 0, 0})}), {8, 8, 8, 8});
  weights.restore("b");
  expectNear(*module.run({tensor(4, {1, 0, 0, 0})}), {24, 24, 24, 24});
  EXPECT_FALSE(weights.replace("b", tensor(2, {1, 2})));
  EXPECT_FALSE(weights.get("missing"));
}

TEST(Interpreter, ObserversSeeTheInputOfEveryLinearAndCanStop) {
  TestModule module(twoWeights);
  std::vector<std::vector<float>> seen;
  RunOptions options;
  options.observer = [&](LinearOp op, ConstMatrix input) -> Status {
    seen.emplace_back(input.data, input.data + input.rows * input.columns);
    if (seen.size() == 1)
      options.stopAfter = op;
    return {};
  };
  ASSERT_TRUE(module.run({tensor(4, {1, 0, 0, 0})}, {options.observer}));
  EXPECT_EQ(seen,
            (std::vector<std::vector<float>>{{1, 0, 0, 0}, {2, 2, 2, 2}}));
  seen.clear();
  auto program = module.interpreter->prepare(module.function("f"));
  auto stopped = module.interpreter->run(*program, {tensor(4, {1, 0, 0, 0})},
                                         {options.observer, options.stopAfter});
  ASSERT_TRUE(stopped) << stopped.error().message;
  EXPECT_TRUE(stopped->empty());
  EXPECT_EQ(seen.size(), 1u);
}

} // namespace
