//===- CudaFixture.h - the runtime on the fake driver -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_CUDAFIXTURE_H
#define QOPT_TEST_CUDAFIXTURE_H

#include "FakeCuda.h"
#include "qopt_cuda.h"

#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>

inline const char *const rowText =
    R"({"linear": "%L", "scheme": "int4_g128", "bits": 4,
  "group": 128, "zero": 8, "zeros": %Z, "n": 256, "k": 512, "activations": "f16",
  "entry": "%E", "max_m": %M, "block": 128, "shared": %S,
  "shared_per_row": %R, "n_tiles": 64, "m_tile": 16, "persistent": %P,
  "cluster": %C})";

inline std::string kernel(std::string entry, int maxM, bool persistent = false,
                          int shared = 0, int sharedPerRow = 0, int cluster = 1,
                          bool zeros = false) {
  std::string text = rowText;
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

inline std::string table(const std::vector<std::string> &kernels,
                         const std::string &permutations = "") {
  std::string text = R"({"version": 1, "chip": "sm_90", "kernels": [)";
  for (size_t i = 0; i < kernels.size(); ++i)
    text += (i ? ", " : "") + kernels[i];
  if (!permutations.empty())
    text += R"(], "permutations": [)" + permutations;
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
    // The caller uses a context of its own.
    fake->contexts = {&fake->misuses, &fake->contexts};
    contexts = fake->contexts;
  }
  void TearDown() override {
    qopt_cuda_close(device);
    unsetenv("QOPT_LIBCUDA");
    EXPECT_EQ(fake->contexts, contexts);
    EXPECT_EQ(fake->misuses, expectedMisuses);
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
    QoptCudaCall call = {module, name,          1000000, weight,  6000000,
                         rows,   weightPending, order,   permuted};
    return qopt_cuda_launch(&call, nullptr, error, sizeof(error)) ? error : "";
  }
  std::string lastCall() { return fake->calls.back(); }

  FakeCuda *fake = nullptr;
  std::vector<void *> contexts; // before any call
  std::vector<std::string> expectedMisuses;
  QoptCudaWeight weight = {2000000, 3000000, 0, 0};
  int32_t weightPending = 0;
  QoptCudaPointer order = 0, permuted = 0;
  QoptCudaDevice *device = nullptr;
  QoptCudaModule *module = nullptr;
  char error[2048] = "";
};

#endif // QOPT_TEST_CUDAFIXTURE_H
