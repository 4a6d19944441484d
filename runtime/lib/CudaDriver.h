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
  int (*init)(unsigned);
  int (*driverGetVersion)(int *);
  int (*deviceGet)(int *, int);
  int (*primaryContextRetain)(Handle *, int);
  int (*primaryContextRelease)(int);
  int (*contextSetCurrent)(Handle);
  int (*contextSynchronize)();
  int (*moduleLoadData)(Handle *, const void *, unsigned, int *, void **);
  int (*moduleUnload)(Handle);
  int (*moduleGetFunction)(Handle *, Handle, const char *);
  int (*functionGetAttribute)(int *, int, Handle);
  int (*memoryAllocate)(uint64_t *, size_t);
  int (*memoryFree)(uint64_t);
  int (*copyToDevice)(uint64_t, const void *, size_t);
  int (*copyToHost)(void *, uint64_t, size_t);
  int (*launchKernel)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned,
                      unsigned, unsigned, Handle, void **, void **);
  int (*getErrorString)(int, const char **);

  /// Opens the driver and initializes it; false with a sentence in `error` if
  /// there is none, or it is too old, or it finds no device.
  bool open(std::string &error);
  /// True for success; else a sentence that says what failed and why.
  bool succeeded(int code, const std::string &action, std::string &error) const;
};

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CUDADRIVER_H
