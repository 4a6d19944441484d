// Which kernel the runtime launches on the fake driver, and how.
#include "CudaFixture.h"

#include <algorithm>

TEST_F(Cuda, ChoosesTheKernelByTheRowsOfX) {
  ASSERT_EQ(load(table({kernel("a_m8", 8, true), kernel("a_m64", 64),
                        kernel("a_m0", 0)})),
            "");
  EXPECT_EQ(launch("linear", 8), "");
  // Ten multiprocessors with two blocks each.
  EXPECT_EQ(lastCall(), "launch a_m8 grid 20x1x1 block 128 shared 0 parameters "
                        "1000000 2000000 3000000 6000000 8");
  EXPECT_EQ(launch("linear", 9), "");
  EXPECT_EQ(lastCall(), "launch a_m64 grid 64x1x1 block 128 shared 0 "
                        "parameters 1000000 2000000 3000000 6000000 9");
  EXPECT_EQ(launch("linear", 100), "");
  EXPECT_EQ(lastCall(), "launch a_m0 grid 64x7x1 block 128 shared 0 parameters "
                        "1000000 2000000 3000000 6000000 100");
  EXPECT_EQ(launch("a_m0", 1), "");
  EXPECT_EQ(lastCall(), "launch a_m0 grid 64x1x1 block 128 shared 0 parameters "
                        "1000000 2000000 3000000 6000000 1");
  EXPECT_EQ(launch("a_m8", 9), "no kernel of a_m8 takes M = 9 on Fake GPU");
  EXPECT_EQ(launch("linear", 0), "no kernel of linear takes M = 0 on Fake GPU");
  EXPECT_EQ(launch("other", 1), "the module has no linear and no kernel other");
}

TEST_F(Cuda, PassesZeroPointsAndClusters) {
  ASSERT_EQ(load(table({kernel("a", 0, true, 0, 0, 8, true),
                        kernel("wide", 0, false, 0, 0, 16)})),
            "");
  weight.zeros = 4000000;
  EXPECT_EQ(launch("a", 3), "");
  weight.zeros = 0;
  EXPECT_EQ(lastCall(), "launch a grid 16x1x1 block 128 shared 0 parameters "
                        "1000000 2000000 3000000 4000000 6000000 3");
  EXPECT_EQ(launch("wide", 3), "");
  EXPECT_EQ(lastCall(), "launch wide grid 1024x1x1 block 128 shared 0 "
                        "parameters 1000000 2000000 3000000 6000000 3");
  EXPECT_EQ(std::count(fake->calls.begin(), fake->calls.end(), "set wide 14 1"),
            1);
}

TEST_F(Cuda, GivesSharedMemoryAndPassesOverKernelsThatWantTooMuch) {
  ASSERT_EQ(load(table({kernel("a_m8", 8, false, 50000, 20000),
                        kernel("a_m0", 0, false, 1000)})),
            "");
  // 50000 + 8 * 20000 do not fit: as much as there is beside the 1000 bytes of
  // static shared memory.
  EXPECT_EQ(
      std::count(fake->calls.begin(), fake->calls.end(), "set a_m8 8 199000"),
      1);
  EXPECT_EQ(launch("linear", 7), "");
  EXPECT_NE(lastCall().find("launch a_m8 grid 64x1x1 block 128 shared 190000 "),
            std::string::npos)
      << lastCall();
  EXPECT_EQ(launch("linear", 8), "");
  EXPECT_NE(lastCall().find("launch a_m0 grid 64x1x1 block 128 shared 1000 "),
            std::string::npos)
      << lastCall();
}

TEST_F(Cuda, PassesOverPersistentKernelsOfWhichNoBlockFits) {
  fake->blocksPerMultiprocessor = 0;
  ASSERT_EQ(load(table({kernel("a_m8", 8, true), kernel("a_m0", 0)})), "");
  EXPECT_EQ(launch("linear", 1), "");
  EXPECT_EQ(lastCall().find("launch a_m0"), 0u);
}

TEST_F(Cuda, FillsTheGpuWithPersistentBlocksAsSharedMemoryAllows) {
  fake->sharedPerMultiprocessor = 100000;
  ASSERT_EQ(load(table({kernel("a_m8", 8, true, 1000, 20000),
                        kernel("a_any", 0, true, 50000)})),
            "");
  int questions = fake->occupancyQuestions;
  EXPECT_EQ(launch("linear", 1), ""); // four of 21000 bytes on each
  EXPECT_EQ(lastCall().find("launch a_m8 grid 40x1x1"), 0u) << lastCall();
  EXPECT_EQ(launch("linear", 2), "");
  EXPECT_EQ(lastCall().find("launch a_m8 grid 20x1x1"), 0u) << lastCall();
  EXPECT_EQ(launch("linear", 5), ""); // not one of 101000
  EXPECT_EQ(lastCall().find("launch a_any grid 20x1x1"), 0u) << lastCall();
  EXPECT_EQ(fake->occupancyQuestions, questions) << "launches ask the driver";
}

TEST_F(Cuda, LetsKernelsBeginEarlyWhereTheGpuCan) {
  std::string overlapping = kernel("a", 0);
  overlapping.insert(overlapping.rfind('}'), ", \"overlap\": true");
  std::string launched = "launch a grid 64x1x1 block 128 shared 0 parameters "
                         "1000000 2000000 3000000 6000000 1";
  ASSERT_EQ(load(table({overlapping})), "");
  fake->calls.clear();
  EXPECT_EQ(launch("linear", 1), "");
  EXPECT_EQ(fake->calls, (std::vector<std::string>{"attribute 6 1", launched}));

  qopt_cuda_close(device);
  device = nullptr;
  fake->computeMajor = 8;
  ASSERT_EQ(load(table({overlapping})), "");
  fake->calls.clear();
  EXPECT_EQ(launch("linear", 1), "");
  EXPECT_EQ(fake->calls, std::vector<std::string>{launched});
}

TEST_F(Cuda, DoesNotOverlapWhereTheWeightIsStillWritten) {
  std::string overlapping = kernel("a", 0);
  overlapping.insert(overlapping.rfind('}'), ", \"overlap\": true");
  ASSERT_EQ(load(table({overlapping})), "");
  fake->calls.clear();
  weightPending = 1;
  EXPECT_EQ(launch("linear", 1), "");
  ASSERT_EQ(fake->calls.size(), 1u);
  EXPECT_EQ(lastCall().find("launch a "), 0u);
}

TEST_F(Cuda, OverlapsInGraphsSinceTheDriverKeepsThat) {
  std::string overlapping = kernel("a", 0);
  overlapping.insert(overlapping.rfind('}'), ", \"overlap\": true");
  QoptCudaGraph *graph = nullptr;
  for (int version : {12020, 12030}) {
    fake->version = version;
    module = nullptr;
    ASSERT_EQ(load(table({overlapping})), "");
    QoptCudaCall call = {module, "linear", 1600000, weight, 3200000,
                         1,      0,        0,       0};
    fake->calls.clear();
    ASSERT_EQ(qopt_cuda_record(device, &call, 1, &graph, error, sizeof(error)),
              0)
        << error;
    qopt_cuda_discard(graph);
    bool inGraph = std::count(fake->calls.begin(), fake->calls.end(),
                              "attribute 6 1") != 0;
    EXPECT_EQ(inGraph, version == 12030);
    // Outside of graphs both do.
    fake->calls.clear();
    EXPECT_EQ(launch("linear", 1), "");
    EXPECT_EQ(fake->calls[0], "attribute 6 1");
    qopt_cuda_close(device);
    device = nullptr;
  }
}

TEST_F(Cuda, RefusesAddressesThatCannotBeRight) {
  std::string levels = kernel("levels", 0);
  levels.insert(levels.rfind('}'), ", \"super_scales\": true");
  ASSERT_EQ(load(table({kernel("a", 0), kernel("z", 0, false, 0, 0, 1, true),
                        levels})),
            "");
  fake->calls.clear();
  auto call = [&](const char *name, QoptCudaPointer x, QoptCudaWeight weight,
                  QoptCudaPointer y) {
    QoptCudaCall call = {module, name, x, weight, y, 3, 0, 0, 0};
    return qopt_cuda_launch(&call, nullptr, error, sizeof(error)) ? error : "";
  };
  EXPECT_STREQ(call("a", 0, weight, 160000), "a: x is null");
  EXPECT_STREQ(call("a", 8, weight, 160000),
               "a: x is at 8, which is not a multiple of 16");
  EXPECT_STREQ(call("a", 16, {0, 3200, 0, 0}, 160000), "a: packed is null");
  EXPECT_STREQ(call("a", 16, {1600, 0, 0, 0}, 160000), "a: scales is null");
  EXPECT_STREQ(call("a", 16, weight, 0), "a: y is null");
  EXPECT_STREQ(call("a", 16, {1600, 3200, 4800, 0}, 160000),
               "a: the weight has zeros, and scheme int4_g128 has none");
  EXPECT_STREQ(call("z", 16, {1600, 3200, 0, 0}, 160000),
               "z: the weight has no zeros, and scheme int4_g128 has them");
  EXPECT_STREQ(call("z", 16, {1600, 3200, 4801, 0}, 160000),
               "z: zeros is at 4801, which is not a multiple of 16");
  EXPECT_STREQ(
      call("levels", 16, {1600, 3200, 0, 0}, 160000),
      "levels: the weight has no super-scales, and scheme int4_g128 has them");
  // x is 3 x 512 and y 3 x 256, of two bytes.
  EXPECT_STREQ(call("a", 160000, weight, 160000), "a: x and y overlap");
  EXPECT_STREQ(call("a", 160000, weight, 160000 + 3072 - 16),
               "a: x and y overlap");
  EXPECT_STREQ(call("a", 160000, weight, 160000 - 1536 + 16),
               "a: x and y overlap");
  EXPECT_STREQ(call(nullptr, 16, weight, 160000), "the call names no linear");
  EXPECT_TRUE(fake->calls.empty());
  EXPECT_STREQ(call("a", 160000, weight, 160000 + 3072), "");
  EXPECT_STREQ(call("a", 160000, weight, 160000 - 1536), "");
  module = nullptr;
  EXPECT_STREQ(call("a", 16, weight, 160000), "the call has no module");
}

TEST_F(Cuda, SaysWhatIsMissingForAKernel) {
  ASSERT_EQ(load(table({kernel("a_m8", 8), kernel("a_m0", 0, false, 300000)})),
            "");
  EXPECT_EQ(launch("linear", 9),
            "no kernel of linear takes M = 9 on Fake GPU: a_m0 takes 301000 "
            "bytes of shared memory, and a block has 200000 here; the module "
            "is for sm_90, lower for chip=sm_86");
}

TEST_F(Cuda, SaysWhichLaunchFailed) {
  ASSERT_EQ(load(table({kernel("a", 0)})), "");
  fake->launchResult = 719;
  EXPECT_EQ(launch("linear", 1),
            "launching a failed: unspecified launch failure");
}

TEST_F(Cuda, RecordsAChainAsAGraph) {
  ASSERT_EQ(load(table({kernel("a", 8), kernel("b", 0)})), "");
  QoptCudaCall calls[] = {
      {module, "linear", 1600000, weight, 3200000, 2, 0, 0, 0},
      {module, "linear", 3200000, weight, 4800000, 9, 0, 0, 0}};
  QoptCudaGraph *graph = nullptr;
  fake->calls.clear();
  ASSERT_EQ(qopt_cuda_record(device, calls, 2, &graph, error, sizeof(error)), 0)
      << error;
  ASSERT_EQ(qopt_cuda_replay(graph, nullptr, error, sizeof(error)), 0);
  qopt_cuda_discard(graph);
  EXPECT_EQ(fake->calls,
            (std::vector<std::string>{
                "create stream", "begin capture",
                "launch a grid 64x1x1 block 128 shared 0 parameters 1600000 "
                "2000000 3000000 3200000 2",
                "launch b grid 64x1x1 block 128 shared 0 parameters 3200000 "
                "2000000 3000000 4800000 9",
                "end capture", "instantiate", "destroy graph", "destroy stream",
                "replay", "destroy executable"}));

  // A launch that fails leaves nothing behind.
  calls[1].name = "other";
  fake->calls.clear();
  EXPECT_EQ(qopt_cuda_record(device, calls, 2, &graph, error, sizeof(error)),
            1);
  EXPECT_EQ(std::string(error), "the module has no linear and no kernel other");
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(lastCall(), "destroy stream");
}

TEST_F(Cuda, PermutesXForWeightsInActOrder) {
  const std::string row = R"({"entry": "permute", "k": 512, "block": 64,
      "n_tiles": 2, "m_tile": 1, "overlap": true})";
  ASSERT_EQ(load(table({kernel("a", 0)}, row)), "");
  fake->calls.clear();
  order = 7000000;
  permuted = 8000000;
  EXPECT_EQ(launch("linear", 3), "");
  EXPECT_EQ(fake->calls,
            (std::vector<std::string>{
                "attribute 6 1",
                "launch permute grid 2x3x1 block 64 shared 0 parameters "
                "1000000 7000000 8000000 3",
                "launch a grid 64x1x1 block 128 shared 0 parameters 8000000 "
                "2000000 3000000 6000000 3"}));
  // The permutation is no linear.
  EXPECT_EQ(launch("permute", 1),
            "the module has no linear and no kernel permute");

  fake->calls.clear();
  permuted = 0;
  EXPECT_EQ(launch("linear", 3), "linear: permuted is null");
  permuted = 1000000 + 1024; // x has three rows of 1024 bytes
  EXPECT_EQ(launch("linear", 3), "linear: x and permuted overlap");
  permuted = 6000000;
  EXPECT_EQ(launch("linear", 3), "linear: x and y overlap");
  EXPECT_TRUE(fake->calls.empty());
}

TEST_F(Cuda, SaysThatAModuleHasNoSuchPermutation) {
  ASSERT_EQ(load(table({kernel("a", 0)})), "");
  order = 7000000;
  permuted = 8000000;
  EXPECT_EQ(launch("linear", 3),
            "linear: the module has no permutation of 512 columns; it was "
            "lowered without weights in act-order");
}

TEST_F(Cuda, ChecksTheTableOfPermutations) {
  EXPECT_EQ(load(table({kernel("a", 0)}, R"({"entry": "p", "k": 0})")),
            "the table of kernels is wrong: permutations[0]: k is 0, not in 1 "
            "\xE2\x80\xA6 2147483647");
  const std::string row = R"({"entry": "p", "k": 512, "block": 64,
      "n_tiles": 2, "m_tile": 1})";
  EXPECT_EQ(load(table({kernel("a", 0)}, row + ", " + row)),
            "the table of kernels is wrong: permutations[1]: entry p or its k "
            "stands there twice");
}
