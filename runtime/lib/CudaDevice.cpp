//===- CudaDevice.cpp - open a GPU, keep its modules ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CudaModule.h"

using namespace qopt::runtime;

bool QoptCudaDevice::open(int wanted, std::string &error) {
  if (!driver.open(error))
    return false;
  int count = 0, device = 0;
  if (!driver.succeeded(driver.deviceGetCount(&count), "counting the GPUs",
                        error))
    return false;
  if (wanted < 0 || wanted >= count) {
    error = "there is no GPU " + std::to_string(wanted) +
            "; the driver finds " + std::to_string(count);
    return false;
  }
  char text[256] = "";
  if (!driver.succeeded(driver.deviceGet(&device, wanted), "finding the GPU",
                        error) ||
      !driver.succeeded(driver.deviceGetName(text, sizeof(text), device),
                        "finding the GPU", error))
    return false;
  ordinal = device;
  name = text;

  auto attribute = [&](int which, int64_t &value) {
    int result = 0;
    bool good =
        driver.succeeded(driver.deviceGetAttribute(&result, which, device),
                         "asking the GPU", error);
    value = result;
    return good;
  };
  int64_t major = 0, minor = 0;
  if (!attribute(cuda::multiprocessors, multiprocessors) ||
      !attribute(cuda::sharedPerBlock, sharedPerBlock) ||
      !attribute(cuda::l2Bytes, l2Bytes) ||
      !attribute(cuda::computeMajor, major) ||
      !attribute(cuda::computeMinor, minor))
    return false;
  computeCapability = 10 * major + minor;
  return driver.succeeded(driver.primaryContextRetain(&context, device),
                          "opening the GPU", error);
}

bool QoptCudaDevice::load(std::string_view image, QoptCudaModule *&module,
                          std::string &error) {
  std::lock_guard<std::mutex> lock(mutex);
  if (auto known = modules.find(image); known != modules.end()) {
    module = known->second.get();
    return true;
  }
  std::string text(image);
  ContextScope scope(*this, error); // outlives a module that is refused
  auto loaded = std::make_unique<QoptCudaModule>(*this);
  if (!scope || !loaded->load(text, error))
    return false;
  workspaces.expect(loaded->table.largestWorkspace());
  module = loaded.get();
  modules.emplace(std::move(text), std::move(loaded));
  return true;
}

QoptCudaDevice::~QoptCudaDevice() {
  if (!context)
    return;
  {
    std::string ignored;
    ContextScope scope(*this, ignored);
    workspaces.clear();
    modules.clear();
  }
  driver.primaryContextRelease(ordinal);
}
