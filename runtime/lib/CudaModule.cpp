//===- CudaModule.cpp - load PTX, launch entries --------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CudaDriver.h"
#include "qopt_cuda.h"

#include <cstdio>
#include <memory>
#include <vector>

using namespace qopt::runtime;

struct QoptCudaModule {
  CudaDriver driver;
  int device = 0;
  CudaDriver::Handle context = nullptr, module = nullptr;

  bool load(const char *ptx, std::string &error);
  bool launch(const char *entry, const std::vector<QoptCudaArray> &arrays,
              int32_t count, uint32_t gridX, uint32_t gridY,
              std::string &error);
  ~QoptCudaModule() {
    if (module)
      driver.moduleUnload(module);
    if (context)
      driver.primaryContextRelease(device);
  }
};

namespace {
/// Device memory that is freed on every way out.
class DeviceArray {
public:
  explicit DeviceArray(const CudaDriver &driver) : driver(driver) {}
  DeviceArray(const DeviceArray &) = delete;
  ~DeviceArray() {
    if (address)
      driver.memoryFree(address);
  }
  uint64_t address = 0;

private:
  const CudaDriver &driver;
};
} // namespace

// Values of CUjit_option and CUfunction_attribute.
static constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;
static constexpr int maxThreadsPerBlock = 0;

bool QoptCudaModule::load(const char *ptx, std::string &error) {
  if (!driver.open(error) ||
      !driver.succeeded(driver.deviceGet(&device, 0), "finding a GPU", error) ||
      !driver.succeeded(driver.primaryContextRetain(&context, device),
                        "opening the GPU", error) ||
      !driver.succeeded(driver.contextSetCurrent(context), "opening the GPU",
                        error))
    return false;
  char log[4096] = "";
  int options[] = {jitErrorLog, jitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  if (driver.succeeded(driver.moduleLoadData(&module, ptx, 2, options, values),
                       "compiling PTX", error))
    return true;
  if (*log)
    error += std::string(": ") + log;
  return false;
}

bool QoptCudaModule::launch(const char *entry,
                            const std::vector<QoptCudaArray> &arrays,
                            int32_t count, uint32_t gridX, uint32_t gridY,
                            std::string &error) {
  CudaDriver::Handle function = nullptr;
  int blockSize = 0;
  if (!driver.succeeded(driver.contextSetCurrent(context), "opening the GPU",
                        error) ||
      !driver.succeeded(driver.moduleGetFunction(&function, module, entry),
                        std::string("finding the entry ") + entry, error) ||
      !driver.succeeded(
          driver.functionGetAttribute(&blockSize, maxThreadsPerBlock, function),
          "asking for the block size", error))
    return false;

  std::vector<std::unique_ptr<DeviceArray>> device;
  std::vector<void *> parameters;
  for (const QoptCudaArray &array : arrays) {
    device.push_back(std::make_unique<DeviceArray>(driver));
    uint64_t &address = device.back()->address;
    if (!driver.succeeded(driver.memoryAllocate(&address, array.bytes),
                          "allocating " + std::to_string(array.bytes) +
                              " bytes on the GPU",
                          error))
      return false;
    if (!array.isOutput &&
        !driver.succeeded(driver.copyToDevice(address, array.data, array.bytes),
                          "copying to the GPU", error))
      return false;
    parameters.push_back(&address);
  }
  parameters.push_back(&count);
  if (!driver.succeeded(driver.launchKernel(function, gridX, gridY, 1,
                                            blockSize, 1, 1, 0, nullptr,
                                            parameters.data(), nullptr),
                        std::string("launching ") + entry, error) ||
      !driver.succeeded(driver.contextSynchronize(),
                        std::string("running ") + entry, error))
    return false;
  for (size_t i = 0; i < arrays.size(); ++i)
    if (arrays[i].isOutput &&
        !driver.succeeded(driver.copyToHost(arrays[i].data, device[i]->address,
                                            arrays[i].bytes),
                          "copying from the GPU", error))
      return false;
  return true;
}

static int report(bool success, const std::string &message, char *error,
                  size_t errorSize) {
  if (!success && errorSize > 0)
    std::snprintf(error, errorSize, "%s", message.c_str());
  return success ? 0 : 1;
}

int qopt_cuda_load(const char *ptx, QoptCudaModule **module, char *error,
                   size_t errorSize) {
  auto loaded = std::make_unique<QoptCudaModule>();
  std::string message;
  bool success = loaded->load(ptx, message);
  *module = success ? loaded.release() : nullptr;
  return report(success, message, error, errorSize);
}

int qopt_cuda_launch(QoptCudaModule *module, const char *entry,
                     const QoptCudaArray *arrays, size_t arrayCount,
                     int32_t count, uint32_t gridX, uint32_t gridY, char *error,
                     size_t errorSize) {
  std::string message;
  bool success = module->launch(entry, {arrays, arrays + arrayCount}, count,
                                gridX, gridY, message);
  return report(success, message, error, errorSize);
}

void qopt_cuda_unload(QoptCudaModule *module) { delete module; }
