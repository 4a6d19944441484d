//===- CudaDriver.cpp - the driver API, opened at run time ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CudaDriver.h"

#include <dlfcn.h>

using namespace qopt::runtime;

/// CUDA 11.0: the first that knows sm_80 and PTX 7.0.
static constexpr int oldestVersion = 11000;

template <typename Function>
static bool find(void *library, const char *name, Function &function,
                 std::string &error) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function)
    error = std::string("the CUDA driver is too old: it lacks ") + name;
  return function != nullptr;
}

bool CudaDriver::open(std::string &error) {
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    error = std::string("no CUDA driver on this machine: ") + dlerror();
    return false;
  }
  if (!find(library, "cuInit", init, error) ||
      !find(library, "cuDriverGetVersion", driverGetVersion, error) ||
      !find(library, "cuDeviceGet", deviceGet, error) ||
      !find(library, "cuDevicePrimaryCtxRetain", primaryContextRetain, error) ||
      !find(library, "cuDevicePrimaryCtxRelease_v2", primaryContextRelease,
            error) ||
      !find(library, "cuCtxSetCurrent", contextSetCurrent, error) ||
      !find(library, "cuCtxSynchronize", contextSynchronize, error) ||
      !find(library, "cuModuleLoadDataEx", moduleLoadData, error) ||
      !find(library, "cuModuleUnload", moduleUnload, error) ||
      !find(library, "cuModuleGetFunction", moduleGetFunction, error) ||
      !find(library, "cuFuncGetAttribute", functionGetAttribute, error) ||
      !find(library, "cuMemAlloc_v2", memoryAllocate, error) ||
      !find(library, "cuMemFree_v2", memoryFree, error) ||
      !find(library, "cuMemcpyHtoD_v2", copyToDevice, error) ||
      !find(library, "cuMemcpyDtoH_v2", copyToHost, error) ||
      !find(library, "cuLaunchKernel", launchKernel, error) ||
      !find(library, "cuGetErrorString", getErrorString, error))
    return false;

  int version = 0;
  if (!succeeded(driverGetVersion(&version), "asking for the CUDA version",
                 error))
    return false;
  if (version < oldestVersion) {
    error = "the CUDA driver is too old: it supports CUDA " +
            std::to_string(version / 1000) + "." +
            std::to_string(version % 1000 / 10) + ", and 11.0 is needed";
    return false;
  }
  return succeeded(init(0), "starting the CUDA driver", error);
}

bool CudaDriver::succeeded(int code, const std::string &action,
                           std::string &error) const {
  if (code == 0)
    return true;
  const char *reason = nullptr;
  getErrorString(code, &reason);
  error = action + " failed: " +
          (reason ? reason : "CUDA error " + std::to_string(code));
  return false;
}
