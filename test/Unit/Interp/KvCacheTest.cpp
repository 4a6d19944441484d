//===- KvCacheTest.cpp - batches, steps and threads give the same logits --===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "TestModule.h"

#include "qopt/Interp/Generate.h"

using namespace qopt;
using namespace qopt::test;

namespace {

const std::vector<int32_t> tokens = {3, 1, 4, 1, 5, 9, 2, 6};

std::vector<float> allAtOnce(TestModule &module,
                             const std::vector<int32_t> &sequence) {
  auto model = LanguageModel::create(*module.interpreter);
  EXPECT_TRUE(model) << model.error().message;
  KvCache cache;
  auto logits = model->logits(sequence, cache, {int64_t(sequence.size())});
  EXPECT_TRUE(logits) << logits.error().message;
  return numbers(*logits);
}

TEST(KvCache, OneTokenAtATimeIsTheSameAsAllAtOnce) {
  TestModule module(tinyModel());
  auto model = LanguageModel::create(*module.interpreter);
  ASSERT_TRUE(model) << model.error().message;
  std::vector<float> expected = allAtOnce(module, tokens), stepped;
  KvCache cache;
  for (int32_t token : tokens) {
    auto logits = model->logits({token}, cache, {1});
    ASSERT_TRUE(logits) << logits.error().message;
    stepped.insert(stepped.end(), logits->values().begin(),
                   logits->values().end());
  }
  ASSERT_EQ(stepped.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(stepped[i], expected[i], 1e-5) << "logit " << i;
}

TEST(KvCache, SequencesOfABatchDoNotSeeEachOther) {
  TestModule module(tinyModel());
  auto model = LanguageModel::create(*module.interpreter);
  ASSERT_TRUE(model) << model.error().message;
  // Sequences of 3, 0 and 5 tokens, which then grow by 1, 2 and 0.
  KvCache cache(3);
  auto first = model->logits({3, 1, 4, 7, 7, 2, 0, 10}, cache, {3, 0, 5});
  ASSERT_TRUE(first) << first.error().message;
  auto second = model->logits({1, 6, 8}, cache, {1, 2, 0});
  ASSERT_TRUE(second) << second.error().message;
  std::vector<float> one = allAtOnce(module, {3, 1, 4, 1}),
                     two = allAtOnce(module, {6, 8}),
                     three = allAtOnce(module, {7, 7, 2, 0, 10});
  auto expectRow = [](const Tensor &batch, int64_t row,
                      const std::vector<float> &alone, int64_t aloneRow) {
    for (int i = 0; i < 11; ++i)
      EXPECT_NEAR(batch.row(row)[i], alone[aloneRow * 11 + i], 1e-5);
  };
  expectRow(*first, 2, one, 2);
  expectRow(*first, 7, three, 4);
  expectRow(*second, 0, one, 3);
  expectRow(*second, 2, two, 1);
}

TEST(KvCache, OneAndTwoThreadsGiveTheSameBits) {
  TestModule one(tinyModel(), 1), two(tinyModel(), 2);
  EXPECT_EQ(allAtOnce(one, tokens), allAtOnce(two, tokens));
}

TEST(KvCache, TwoOpsOfOneLayerAreAnError) {
  KvCache cache;
  Tensor keys = randomTensor(2, 4, 1);
  cache.beginCall({2});
  EXPECT_TRUE(cache.append(0, keys.matrix(), keys.matrix()));
  EXPECT_FALSE(cache.append(0, keys.matrix(), keys.matrix()));
  EXPECT_FALSE(cache.append(1, keys.matrix().block(0, 0, 1, 4), keys.matrix()));
}

TEST(Generate, GreedyTextIsTheArgmaxOfEveryStepAndEndsWithTheContext) {
  TestModule module(tinyModel());
  auto model = LanguageModel::create(*module.interpreter);
  ASSERT_TRUE(model) << model.error().message;
  std::vector<int32_t> text = {3, 1};
  auto outcome = generate(*model, text, 100, {}, [&](int32_t token) {
    std::vector<float> logits = allAtOnce(module, text);
    auto last = logits.end() - 11;
    EXPECT_EQ(token, std::max_element(last, logits.end()) - last);
    text.push_back(token);
    return true;
  });
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(text.size(), 33u) << "32 positions predict one token more";
}

TEST(Generate, SampledWindowsDependOnTheSeedAlone) {
  TestModule one(tinyModel(), 1), two(tinyModel(), 2);
  auto modelOne = LanguageModel::create(*one.interpreter);
  auto modelTwo = LanguageModel::create(*two.interpreter);
  Progress silent;
  auto few = sampleWindows(*modelOne, 7, 2, 12, 0, silent);
  auto many = sampleWindows(*modelTwo, 7, 5, 12, 0, silent);
  auto other = sampleWindows(*modelTwo, 7, 2, 12, 1, silent);
  ASSERT_TRUE(few && many && other);
  EXPECT_EQ((*few)[0], (*many)[0]);
  EXPECT_EQ((*few)[1], (*many)[1]);
  EXPECT_NE((*few)[0], (*other)[0]);
  EXPECT_NE((*few)[0], (*few)[1]);
  EXPECT_EQ((*few)[0].size(), 12u);
  EXPECT_EQ((*few)[0].front(), 7);
}

} // namespace
