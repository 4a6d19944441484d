// The runtime against a driver that only writes down what it is asked to do,
// and against none: opening, loading, copying.
#include "CudaFixture.h"

#include <algorithm>
#include <fstream>

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

TEST_F(Cuda, UploadsAreCompleteBeforeAnyStreamLaunches) {
  ASSERT_EQ(load(table({kernel("a", 0)})), "");
  QoptCudaStream stream = nullptr;
  QoptCudaPointer x = 0;
  ASSERT_EQ(qopt_cuda_stream(device, &stream, error, sizeof(error)), 0);
  ASSERT_EQ(qopt_cuda_allocate(device, 1024, &x, error, sizeof(error)), 0);
  std::string bytes(1024, 'x');
  ASSERT_EQ(qopt_cuda_upload(device, x, bytes.data(), bytes.size(), error,
                             sizeof(error)),
            0);
  EXPECT_EQ(std::string(reinterpret_cast<char *>(x), 1024), bytes);
  weight.packed = x;
  QoptCudaCall call = {module, "linear", 1600000, weight, 3200000, 1, 0, 0, 0};
  EXPECT_EQ(qopt_cuda_launch(&call, stream, error, sizeof(error)), 0) << error;

  // The fake sees what a driver may let happen: the same without waiting.
  void *library = dlopen(QOPT_FAKE_CUDA, RTLD_NOW);
  auto copy = reinterpret_cast<int (*)(uint64_t, const void *, size_t)>(
      dlsym(library, "cuMemcpyHtoD_v2"));
  copy(x, bytes.data(), bytes.size());
  EXPECT_EQ(qopt_cuda_launch(&call, stream, error, sizeof(error)), 0);
  expectedMisuses = {"cuMemcpyHtoD in another context",
                     "launch before an upload is complete"};
  qopt_cuda_free(device, x);
  qopt_cuda_stream_destroy(device, stream);
}

TEST_F(Cuda, WorksForCallersWithoutAContext) {
  fake->contexts.clear();
  contexts.clear();
  ASSERT_EQ(load(table({kernel("a", 0)})), "");
  EXPECT_EQ(launch("linear", 1), "");
  EXPECT_EQ(launch("other", 1), "the module has no linear and no kernel other");
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
  EXPECT_EQ(fake->calls, (std::vector<std::string>{
                             "allocate 1", "synchronize default", "free"}));
  EXPECT_EQ(qopt_cuda_upload_weight(device, "/nowhere", "v", &weight, error,
                                    sizeof(error)),
            1);
  EXPECT_EQ(std::string(error),
            "/nowhere: cannot open: No such file or directory");
}
