// The runtime against a driver that only writes down what it is asked to do,
// and against none.
#include "FakeCuda.h"
#include "qopt_cuda.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <gtest/gtest.h>

namespace {

const char *row = R"({"linear": "%L", "scheme": "int4_g128", "bits": 4,
  "group": 128, "zero": 8, "zeros": %Z, "n": 256, "k": 512, "activations": "f16",
  "entry": "%E", "max_m": %M, "block": 128, "shared": %S,
  "shared_per_row": %R, "n_tiles": 64, "m_tile": 16, "persistent": %P,
  "cluster": %C})";

std::string kernel(std::string entry, int maxM, bool persistent = false,
                   int shared = 0, int sharedPerRow = 0, int cluster = 1,
                   bool zeros = false) {
  std::string text = row;
  auto put = [&](const char *key, const std::string &value) {
    text.replace(text.find(key), 2, value);
  };
  put("%L", "linear");
  put("%Z", zeros ? "true" : "false");
  put("%E", entry);
  put("%M", std::to_string(maxM));
  put("%S", std::to_string(shared));
  put("%R", std::to_string(sharedPerRow));
  put("%P", persistent ? "true" : "false");
  put("%C", std::to_string(cluster));
  return text;
}

std::string table(const std::vector<std::string> &kernels) {
  std::string text = R"({"version": 1, "chip": "sm_90", "kernels": [)";
  for (size_t i = 0; i < kernels.size(); ++i)
    text += (i ? ", " : "") + kernels[i];
  return text + "]}";
}

class Cuda : public testing::Test {
protected:
  void SetUp() override {
    setenv("QOPT_LIBCUDA", QOPT_FAKE_CUDA, 1);
    void *library = dlopen(QOPT_FAKE_CUDA, RTLD_NOW);
    ASSERT_TRUE(library) << dlerror();
    fake = reinterpret_cast<FakeCuda *(*)()>(dlsym(library, "fakeCuda"))();
    *fake = FakeCuda();
  }
  void TearDown() override {
    qopt_cuda_close(device);
    unsetenv("QOPT_LIBCUDA");
  }

  std::string open() {
    return qopt_cuda_open(0, &device, error, sizeof(error)) ? error : "";
  }
  std::string load(const std::string &image) {
    if (!device && open() != "")
      return error;
    return qopt_cuda_load(device, image.data(), image.size(), &module, error,
                          sizeof(error))
               ? error
               : "";
  }
  std::string launch(const char *name, int32_t rows) {
    QoptCudaCall call = {module, name, 1001, {1002, 1003, 1004, 0}, 1005, rows};
    return qopt_cuda_launch(&call, nullptr, error, sizeof(error)) ? error : "";
  }
  std::string lastCall() { return fake->calls.back(); }

  FakeCuda *fake = nullptr;
  QoptCudaDevice *device = nullptr;
  QoptCudaModule *module = nullptr;
  char error[2048] = "";
};

} // namespace

TEST_F(Cuda, SaysThatThereIsNoDriver) {
  setenv("QOPT_LIBCUDA", "/nowhere/libcuda.so.1", 1);
  EXPECT_EQ(open().find("no CUDA driver on this machine: /nowhere"), 0u)
      << error;
  EXPECT_EQ(device, nullptr);
}

TEST_F(Cuda, SaysThatTheDriverIsTooOld) {
  fake->version = 11020;
  EXPECT_EQ(open(), "the CUDA driver is too old: it supports CUDA 11.2, and "
                    "11.4 is needed");
}

TEST_F(Cuda, SaysThatThereIsNoSuchGpu) {
  EXPECT_EQ(qopt_cuda_open(3, &device, error, sizeof(error)), 1);
  EXPECT_EQ(std::string(error), "there is no GPU 3; the driver finds 1");
}

TEST_F(Cuda, CutsAnErrorToTheRoomThatItGets) {
  EXPECT_EQ(qopt_cuda_open(3, &device, error, 9), 1);
  EXPECT_EQ(std::string(error), "there is");
  EXPECT_EQ(qopt_cuda_open(3, &device, nullptr, 0), 1);
}

TEST_F(Cuda, ExplainsWhyThePtxIsRefused) {
  std::string ptx = ".version 9.3\n.target sm_100a\n.address_size 64\n";
  fake->version = 12040;
  fake->loadResult = 222;
  EXPECT_EQ(load(ptx),
            "loading the kernels failed: the provided PTX was compiled with an "
            "unsupported toolchain.: the PTX is of version 9.3, and the driver "
            "supports CUDA 12.4; update the driver");
  fake->loadResult = 209;
  EXPECT_EQ(load(ptx),
            "loading the kernels failed: no kernel image is available for "
            "execution on the device: the PTX is for sm_100a, and Fake GPU has "
            "compute capability 9.0");
  EXPECT_NE(load("\177ELF").find("the cubin is for another GPU"),
            std::string::npos)
      << error;
  fake->loadResult = 1;
  fake->loadLog = "ptxas: line 7: unexpected token";
  EXPECT_EQ(load(ptx), "loading the kernels failed: CUDA error 1: ptxas: line "
                       "7: unexpected token");
}

TEST_F(Cuda, RefusesModulesWithoutATableOrWithAWrongOne) {
  fake->hasTable = false;
  EXPECT_NE(load("x").find("has no table of kernels"), std::string::npos);
  fake->hasTable = true;
  EXPECT_NE(load("{}").find("the table of kernels is wrong: "),
            std::string::npos);
  EXPECT_NE(load(table({kernel("missing", 0)}))
                .find("finding the kernel missing failed"),
            std::string::npos);
}

TEST_F(Cuda, LoadsTheSameBytesOnce) {
  std::string image = table({kernel("a", 0)});
  EXPECT_EQ(load(image), "");
  QoptCudaModule *first = module;
  EXPECT_EQ(load(image), "");
  EXPECT_EQ(module, first);
  EXPECT_EQ(qopt_cuda_table(module), image);
  EXPECT_EQ(load(table({kernel("b", 0)})), "");
  EXPECT_NE(module, first);
  EXPECT_EQ(std::count(fake->calls.begin(), fake->calls.end(), "load"), 2);
  qopt_cuda_close(device);
  device = nullptr;
  EXPECT_EQ(std::count(fake->calls.begin(), fake->calls.end(), "unload"), 2);
  EXPECT_EQ(lastCall(), "release");
}

TEST_F(Cuda, ChoosesTheKernelByTheRowsOfX) {
  ASSERT_EQ(load(table({kernel("a_m8", 8, true), kernel("a_m64", 64),
                        kernel("a_m0", 0)})),
            "");
  EXPECT_EQ(launch("linear", 8), "");
  // Ten multiprocessors with two blocks each.
  EXPECT_EQ(lastCall(), "launch a_m8 grid 20x1x1 block 128 shared 0 parameters "
                        "1001 1002 1003 1005 8");
  EXPECT_EQ(launch("linear", 9), "");
  EXPECT_EQ(lastCall(), "launch a_m64 grid 64x1x1 block 128 shared 0 "
                        "parameters 1001 1002 1003 1005 9");
  EXPECT_EQ(launch("linear", 100), "");
  EXPECT_EQ(lastCall(), "launch a_m0 grid 64x7x1 block 128 shared 0 parameters "
                        "1001 1002 1003 1005 100");
  EXPECT_EQ(launch("a_m0", 1), "");
  EXPECT_EQ(lastCall(), "launch a_m0 grid 64x1x1 block 128 shared 0 parameters "
                        "1001 1002 1003 1005 1");
  EXPECT_EQ(launch("a_m8", 9), "no kernel of a_m8 takes M = 9 on Fake GPU");
  EXPECT_EQ(launch("linear", 0), "no kernel of linear takes M = 0 on Fake GPU");
  EXPECT_EQ(launch("other", 1), "the module has no linear and no kernel other");
}

TEST_F(Cuda, PassesZeroPointsAndClusters) {
  ASSERT_EQ(load(table({kernel("a", 0, true, 0, 0, 8, true),
                        kernel("wide", 0, false, 0, 0, 16)})),
            "");
  EXPECT_EQ(launch("a", 3), "");
  EXPECT_EQ(lastCall(), "launch a grid 16x1x1 block 128 shared 0 parameters "
                        "1001 1002 1003 1004 1005 3");
  EXPECT_EQ(launch("wide", 3), "");
  EXPECT_EQ(lastCall(), "launch wide grid 1024x1x1 block 128 shared 0 "
                        "parameters 1001 1002 1003 1005 3");
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
                         "1001 1002 1003 1005 1";
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

TEST_F(Cuda, SaysWhichLaunchFailed) {
  ASSERT_EQ(load(table({kernel("a", 0)})), "");
  fake->launchResult = 719;
  EXPECT_EQ(launch("linear", 1),
            "launching a failed: unspecified launch failure");
}

TEST_F(Cuda, RecordsAChainAsAGraph) {
  ASSERT_EQ(load(table({kernel("a", 8), kernel("b", 0)})), "");
  QoptCudaCall calls[] = {
      {module, "linear", 1001, {1002, 1003, 0, 0}, 1004, 2},
      {module, "linear", 1004, {1005, 1006, 0, 0}, 1007, 9}};
  QoptCudaGraph *graph = nullptr;
  fake->calls.clear();
  ASSERT_EQ(qopt_cuda_record(device, calls, 2, &graph, error, sizeof(error)), 0)
      << error;
  ASSERT_EQ(qopt_cuda_replay(graph, nullptr, error, sizeof(error)), 0);
  qopt_cuda_discard(graph);
  EXPECT_EQ(fake->calls,
            (std::vector<std::string>{
                "create stream", "begin capture",
                "launch a grid 64x1x1 block 128 shared 0 parameters 1001 1002 "
                "1003 1004 2",
                "launch b grid 64x1x1 block 128 shared 0 parameters 1004 1005 "
                "1006 1007 9",
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

TEST_F(Cuda, UploadsWeightsOfAnArchive) {
  std::string path = testing::TempDir() + "qopt-cuda-weights.safetensors";
  std::string header =
      R"({"w.packed": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
          "w.scales": {"dtype": "F16", "shape": [1], "data_offsets": [4, 6]},
          "w.super_scales": {"dtype": "F16", "shape": [1], "data_offsets": [7, 9]},
          "v.packed": {"dtype": "U8", "shape": [1], "data_offsets": [6, 7]}})";
  std::string file(8, '\0');
  file[0] = char(header.size());
  file[1] = char(header.size() >> 8);
  std::ofstream(path, std::ios::binary) << file << header << "abcdefghi";

  ASSERT_EQ(open(), "");
  QoptCudaWeight weight;
  ASSERT_EQ(qopt_cuda_upload_weight(device, path.c_str(), "w", &weight, error,
                                    sizeof(error)),
            0)
      << error;
  char bytes[4];
  ASSERT_EQ(
      qopt_cuda_download(device, bytes, weight.packed, 4, error, sizeof(error)),
      0);
  EXPECT_EQ(std::string(bytes, 4), "abcd");
  ASSERT_EQ(
      qopt_cuda_download(device, bytes, weight.scales, 2, error, sizeof(error)),
      0);
  EXPECT_EQ(std::string(bytes, 2), "ef");
  EXPECT_EQ(weight.zeros, 0u);
  ASSERT_EQ(qopt_cuda_download(device, bytes, weight.superScales, 2, error,
                               sizeof(error)),
            0);
  EXPECT_EQ(std::string(bytes, 2), "hi");
  qopt_cuda_free_weight(device, &weight);
  EXPECT_EQ(weight.packed, 0u);

  // What was uploaded before the error is freed.
  fake->calls.clear();
  EXPECT_EQ(qopt_cuda_upload_weight(device, path.c_str(), "v", &weight, error,
                                    sizeof(error)),
            1);
  EXPECT_EQ(std::string(error), path + ": there is no tensor v.scales");
  EXPECT_EQ(fake->calls, (std::vector<std::string>{"allocate 1", "free"}));
  EXPECT_EQ(qopt_cuda_upload_weight(device, "/nowhere", "v", &weight, error,
                                    sizeof(error)),
            1);
  EXPECT_EQ(std::string(error), "/nowhere: cannot open: No such file or directory");
}
