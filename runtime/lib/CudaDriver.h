//===- CudaDriver.h - the driver API, opened at run time --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CUDADRIVER_H
#define QOPT_RUNTIME_CUDADRIVER_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace qopt::runtime {

/// The functions of libcuda.so.1 that are used, under the names and with the
/// types of the CUDA driver API (handles as void *, CUdeviceptr as uint64_t).
struct CudaDriver {
  using Handle = void *;
  struct LaunchAttribute { // CUlaunchAttribute
    int id;
    union {
      int flag;
      void *aligned[8];
    } value;
  };
  struct LaunchConfig { // CUlaunchConfig
    unsigned grid[3], block[3], shared;
    Handle stream;
    LaunchAttribute *attributes;
    unsigned attributeCount;
  };
  int (*init)(unsigned);
  int (*driverGetVersion)(int *);
  int (*deviceGet)(int *, int);
  int (*deviceGetCount)(int *);
  int (*deviceGetName)(char *, int, int);
  int (*deviceGetAttribute)(int *, int, int);
  int (*primaryContextRetain)(Handle *, int);
  int (*primaryContextRelease)(int);
  int (*contextPush)(Handle);
  int (*contextPop)(Handle *);
  int (*contextSynchronize)();
  int (*moduleLoadData)(Handle *, const void *, unsigned, int *, void **);
  int (*moduleUnload)(Handle);
  int (*moduleGetFunction)(Handle *, Handle, const char *);
  int (*moduleGetGlobal)(uint64_t *, size_t *, Handle, const char *);
  int (*functionGetAttribute)(int *, int, Handle);
  int (*functionSetAttribute)(Handle, int, int);
  int (*occupancy)(int *, Handle, int, size_t);
  int (*memoryAllocate)(uint64_t *, size_t);
  int (*memoryFree)(uint64_t);
  int (*memorySetAsync)(uint64_t, unsigned char, size_t, Handle);
  int (*copyToDevice)(uint64_t, const void *, size_t);
  int (*copyToHost)(void *, uint64_t, size_t);
  int (*streamCreate)(Handle *, unsigned);
  int (*streamDestroy)(Handle);
  int (*streamSynchronize)(Handle);
  int (*streamIsCapturing)(Handle, int *);
  int (*streamGetCaptureInfo)(Handle, int *, unsigned long long *, Handle *,
                              const Handle **, size_t *);
  int (*streamBeginCapture)(Handle, int);
  int (*streamEndCapture)(Handle, Handle *);
  int (*exchangeCaptureMode)(int *);
  int (*graphInstantiate)(Handle *, Handle, unsigned long long);
  int (*graphLaunch)(Handle, Handle);
  int (*graphExecDestroy)(Handle);
  int (*graphDestroy)(Handle);
  int (*graphRetainUserObject)(Handle, Handle, unsigned, unsigned);
  int (*userObjectCreate)(Handle *, void *, void (*)(void *), unsigned,
                          unsigned);
  int (*userObjectRelease)(Handle, unsigned);
  int (*launchKernel)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned,
                      unsigned, unsigned, Handle, void **, void **);
  /// CUDA 11.8 and newer; otherwise null.
  int (*launchKernelEx)(const LaunchConfig *, Handle, void **, void **);
  /// CUDA 12.0 and newer; otherwise null.
  int (*streamGetId)(Handle, unsigned long long *) = nullptr;
  int (*getErrorString)(int, const char **);

  /// Of the driver: 1000 * major + 10 * minor.
  int version = 0;

  /// Opens the driver and initializes it; false with a sentence in `error` if
  /// there is none, or it is too old, or it finds no device.
  bool open(std::string &error);
  /// True for success; else a sentence that says what failed and why.
  bool succeeded(int code, const std::string &action, std::string &error) const;
};

/// "12.4" of 12040.
std::string cudaVersion(int version);

/// Values of CUdevice_attribute, CUfunction_attribute, CUjit_option, CUresult
/// and flags that are used.
namespace cuda {
constexpr int multiprocessors = 16, l2Bytes = 38, computeMajor = 75,
              computeMinor = 76, sharedPerBlock = 97;
constexpr int staticShared = 1, localBytes = 3, registers = 4,
              dynamicShared = 8, nonPortableCluster = 14;
constexpr int jitErrorLog = 5, jitErrorLogBytes = 6;
constexpr int errorNoBinary = 209, errorInvalidPtx = 218,
              errorUnsupportedPtx = 222, errorNotFound = 500;
constexpr int captureThreadLocal = 1, captureRelaxed = 2; // mode
constexpr int captureNone = 0, captureActive = 1;         // status
constexpr unsigned userObjectNoSync = 1;
constexpr int programmaticSerialization = 6; // of launch attributes
constexpr unsigned streamNonBlocking = 1;
/// The first driver that tells streams apart.
constexpr int streamIds = 12000;
/// The first driver whose graphs keep the edges of programmatic launches.
constexpr int programmaticGraphs = 12030;
} // namespace cuda

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CUDADRIVER_H
