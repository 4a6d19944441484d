//===- CudaModule.h - devices and loaded kernels ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CUDAMODULE_H
#define QOPT_RUNTIME_CUDAMODULE_H

#include "CudaWorkspaces.h"
#include "Dispatch.h"
#include "qopt_cuda.h"

#include <map>
#include <memory>
#include <mutex>

struct QoptCudaDevice {
  qopt::runtime::CudaDriver driver;
  int ordinal = 0;
  qopt::runtime::CudaDriver::Handle context = nullptr;
  std::string name;
  int64_t multiprocessors = 0, sharedPerBlock = 0, l2Bytes = 0;
  int64_t computeCapability = 0; // 10 * major + minor
  mutable qopt::runtime::CudaWorkspaces workspaces{driver};

  bool open(int ordinal, std::string &error);
  /// The module of these bytes, loaded if it is not yet.
  bool load(std::string_view image, QoptCudaModule *&module,
            std::string &error);
  ~QoptCudaDevice();

private:
  std::mutex mutex; // of modules
  std::map<std::string, std::unique_ptr<QoptCudaModule>, std::less<>> modules;
};

namespace qopt::runtime {
/// Makes the device's context the one of the calling thread, and the caller's
/// own again at the end: beside other CUDA code that relies on it.
class ContextScope {
public:
  ContextScope(const QoptCudaDevice &device, std::string &error)
      : driver(device.driver),
        entered(driver.succeeded(driver.contextPush(device.context),
                                 "opening the GPU", error)) {}
  ContextScope(const ContextScope &) = delete;
  ~ContextScope() {
    CudaDriver::Handle own;
    if (entered)
      driver.contextPop(&own);
  }
  explicit operator bool() const { return entered; }

private:
  const CudaDriver &driver;
  bool entered;
};
} // namespace qopt::runtime

struct QoptCudaModule {
  explicit QoptCudaModule(const QoptCudaDevice &device) : device(device) {}
  QoptCudaModule(const QoptCudaModule &) = delete;
  ~QoptCudaModule();

  /// A kernel on this device.
  struct Kernel {
    qopt::runtime::CudaDriver::Handle function = nullptr;
    int64_t staticShared = 0; // bytes
    /// Of persistent kernels: blocks per multiprocessor for M = 1, 2, …, as far
    /// as that depends on M and the table bounds it.
    std::vector<int> blocks;
  };
  const QoptCudaDevice &device;
  qopt::runtime::CudaDriver::Handle module = nullptr;
  std::string description; // the table's text
  qopt::runtime::DispatchTable table;
  std::vector<Kernel> kernels; // of the rows of the table

  bool load(const std::string &image, std::string &error);
  /// The row that runs `name` for `rows` rows of x, and its launch.
  bool choose(const char *name, int64_t rows, size_t &row,
              qopt::runtime::Geometry &geometry, std::string &error) const;
  /// Checks what can be checked of the call, and launches (CudaLaunch.cpp).
  static bool launch(const QoptCudaCall &call, QoptCudaStream stream,
                     std::string &error);

private:
  bool launchHere(const QoptCudaCall &call, QoptCudaStream stream,
                  std::string &error) const;
  /// Fills `call.permuted`, [call.rows, columns].
  bool permute(const QoptCudaCall &call, int64_t columns, QoptCudaStream stream,
               std::string &error) const;
  bool start(size_t row, const qopt::runtime::Geometry &geometry,
             const QoptCudaCall &call, void **parameters, QoptCudaStream stream,
             std::string &error) const;
  bool mayOverlap(const qopt::runtime::KernelRow &row, const QoptCudaCall &call,
                  QoptCudaStream stream) const;
  bool lacksStreamIds(const qopt::runtime::KernelRow &row) const;
  /// Why none of the rows `candidates` runs.
  std::string reasonAgainst(const std::vector<size_t> &candidates,
                            int64_t rows) const;
  int blocksPerMultiprocessor(size_t row, int64_t sharedBytes) const;
  bool readTable(std::string &error);
  bool prepareKernels(std::string &error);
};

#endif // QOPT_RUNTIME_CUDAMODULE_H
