//===- CudaDriver.cpp - the driver API, opened at run time ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CudaDriver.h"

#include <cstdlib>
#include <dlfcn.h>

using namespace qopt::runtime;

/// The first that has every function below and knows sm_80.
static constexpr int oldestVersion = 11040;

std::string qopt::runtime::cudaVersion(int version) {
  return std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

template <typename Function>
static bool find(void *library, const char *name, Function &function,
                 std::string &error) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (!function)
    error = std::string("the CUDA driver is too old: it lacks ") + name;
  return function != nullptr;
}

bool CudaDriver::open(std::string &error) {
  const char *other = std::getenv("QOPT_LIBCUDA");
  void *library = dlopen(other ? other : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    error = std::string("no CUDA driver on this machine: ") + dlerror();
    return false;
  }
  if (!find(library, "cuInit", init, error) ||
      !find(library, "cuDriverGetVersion", driverGetVersion, error) ||
      !find(library, "cuGetErrorString", getErrorString, error))
    return false;
  if (!succeeded(driverGetVersion(&version), "asking for the CUDA version",
                 error))
    return false;
  if (version < oldestVersion) {
    error = "the CUDA driver is too old: it supports CUDA " +
            cudaVersion(version) + ", and " + cudaVersion(oldestVersion) +
            " is needed";
    return false;
  }
  if (!find(library, "cuDeviceGet", deviceGet, error) ||
      !find(library, "cuDeviceGetCount", deviceGetCount, error) ||
      !find(library, "cuDeviceGetName", deviceGetName, error) ||
      !find(library, "cuDeviceGetAttribute", deviceGetAttribute, error) ||
      !find(library, "cuDevicePrimaryCtxRetain", primaryContextRetain, error) ||
      !find(library, "cuDevicePrimaryCtxRelease_v2", primaryContextRelease,
            error) ||
      !find(library, "cuCtxPushCurrent_v2", contextPush, error) ||
      !find(library, "cuCtxPopCurrent_v2", contextPop, error) ||
      !find(library, "cuCtxSynchronize", contextSynchronize, error) ||
      !find(library, "cuModuleLoadDataEx", moduleLoadData, error) ||
      !find(library, "cuModuleUnload", moduleUnload, error) ||
      !find(library, "cuModuleGetFunction", moduleGetFunction, error) ||
      !find(library, "cuModuleGetGlobal_v2", moduleGetGlobal, error) ||
      !find(library, "cuFuncGetAttribute", functionGetAttribute, error) ||
      !find(library, "cuFuncSetAttribute", functionSetAttribute, error) ||
      !find(library, "cuOccupancyMaxActiveBlocksPerMultiprocessor", occupancy,
            error) ||
      !find(library, "cuMemAlloc_v2", memoryAllocate, error) ||
      !find(library, "cuMemFree_v2", memoryFree, error) ||
      !find(library, "cuMemsetD8Async", memorySetAsync, error) ||
      !find(library, "cuMemcpyHtoD_v2", copyToDevice, error) ||
      !find(library, "cuMemcpyDtoH_v2", copyToHost, error) ||
      !find(library, "cuStreamCreate", streamCreate, error) ||
      !find(library, "cuStreamDestroy_v2", streamDestroy, error) ||
      !find(library, "cuStreamSynchronize", streamSynchronize, error) ||
      !find(library, "cuStreamIsCapturing", streamIsCapturing, error) ||
      !find(library, "cuStreamGetCaptureInfo_v2", streamGetCaptureInfo,
            error) ||
      !find(library, "cuThreadExchangeStreamCaptureMode", exchangeCaptureMode,
            error) ||
      !find(library, "cuStreamBeginCapture_v2", streamBeginCapture, error) ||
      !find(library, "cuStreamEndCapture", streamEndCapture, error) ||
      !find(library, "cuGraphInstantiateWithFlags", graphInstantiate, error) ||
      !find(library, "cuGraphLaunch", graphLaunch, error) ||
      !find(library, "cuGraphExecDestroy", graphExecDestroy, error) ||
      !find(library, "cuGraphDestroy", graphDestroy, error) ||
      !find(library, "cuGraphRetainUserObject", graphRetainUserObject, error) ||
      !find(library, "cuUserObjectCreate", userObjectCreate, error) ||
      !find(library, "cuUserObjectRelease", userObjectRelease, error) ||
      !find(library, "cuLaunchKernel", launchKernel, error))
    return false;
  if (version >= cuda::streamIds &&
      !find(library, "cuStreamGetId", streamGetId, error))
    return false;
  std::string optional;
  find(library, "cuLaunchKernelEx", launchKernelEx, optional);
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
