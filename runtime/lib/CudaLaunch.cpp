//===- CudaLaunch.cpp - launch a kernel of a module -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A wrong address would fail inside the kernel, which leaves the context of
// the whole process unusable, so what can be seen of it is seen before.
//
//===----------------------------------------------------------------------===//
#include "CudaModule.h"

using namespace qopt::runtime;

/// Empty, or what is wrong with an address.
static std::string checkAddress(const char *what, QoptCudaPointer address) {
  constexpr QoptCudaPointer alignment = 16; // of the widest accesses
  if (!address)
    return std::string(what) + " is null";
  if (address % alignment)
    return std::string(what) + " is at " + std::to_string(address) +
           ", which is not a multiple of " + std::to_string(alignment);
  return "";
}

/// The same of a component that only some schemes have.
static std::string checkComponent(const char *what, const KernelRow &row,
                                  bool wanted, QoptCudaPointer address) {
  if (wanted && !address)
    return std::string("the weight has no ") + what + ", and scheme " +
           row.scheme + " has them";
  if (!wanted && address)
    return std::string("the weight has ") + what + ", and scheme " +
           row.scheme + " has none";
  return wanted ? checkAddress(what, address) : "";
}

/// Kernels read x while they write y.
static std::string checkDistinct(const KernelRow &row,
                                 const QoptCudaCall &call) {
  uint64_t rows = uint64_t(call.rows);
  bool overlap = call.x <= call.y ? call.y - call.x < 2 * rows * row.k
                                  : call.x - call.y < 2 * rows * row.n;
  return overlap ? "x and y overlap" : "";
}

/// Empty, or what is wrong with the memory of a call of a kernel.
static std::string checkMemory(const KernelRow &row, const QoptCudaCall &call) {
  const QoptCudaWeight &weight = call.weight;
  for (std::string problem :
       {checkAddress("x", call.x), checkAddress("packed", weight.packed),
        checkAddress("scales", weight.scales),
        checkComponent("zeros", row, row.zeros, weight.zeros),
        checkComponent("super-scales", row, row.superScales,
                       weight.superScales),
        checkAddress("y", call.y), checkDistinct(row, call)})
    if (!problem.empty())
      return problem;
  return "";
}

bool QoptCudaModule::launch(const QoptCudaCall &call, QoptCudaStream stream,
                            std::string &error) {
  if (call.module && call.name)
    return call.module->launchHere(call, stream, error);
  error = call.module ? "the call names no linear" : "the call has no module";
  return false;
}

bool QoptCudaModule::launchHere(const QoptCudaCall &call, QoptCudaStream stream,
                                std::string &error) const {
  size_t index = 0;
  Geometry geometry;
  ContextScope scope(device, error);
  if (!scope || !choose(call.name, call.rows, index, geometry, error))
    return false;
  const KernelRow &row = table.rows[index];
  if (std::string problem = checkMemory(row, call); !problem.empty()) {
    error = std::string(call.name) + ": " + problem;
    return false;
  }

  QoptCudaCall copy = call; // parameters are read at the launch
  std::vector<void *> parameters = {&copy.x, &copy.weight.packed,
                                    &copy.weight.scales};
  if (row.zeros)
    parameters.push_back(&copy.weight.zeros);
  if (row.superScales)
    parameters.push_back(&copy.weight.superScales);
  parameters.push_back(&copy.y);
  parameters.push_back(&copy.rows);

  const CudaDriver &driver = device.driver;
  CudaDriver::Handle function = kernels[index].function;
  int result = 0;
  if (mayOverlap(row, call, stream)) {
    CudaDriver::LaunchAttribute attribute = {};
    attribute.id = cuda::programmaticSerialization;
    attribute.value.flag = 1;
    CudaDriver::LaunchConfig config = {{geometry.gridX, geometry.gridY, 1},
                                       {geometry.block, 1, 1},
                                       geometry.shared,
                                       stream,
                                       &attribute,
                                       1};
    result =
        driver.launchKernelEx(&config, function, parameters.data(), nullptr);
  } else {
    result = driver.launchKernel(function, geometry.gridX, geometry.gridY, 1,
                                 geometry.block, 1, 1, geometry.shared, stream,
                                 parameters.data(), nullptr);
  }
  return driver.succeeded(result, "launching " + row.entry, error);
}

/// Whether the kernel may begin before the one before it has ended.
bool QoptCudaModule::mayOverlap(const KernelRow &row, const QoptCudaCall &call,
                                QoptCudaStream stream) const {
  constexpr int64_t firstWithOverlap = 90; // compute capability
  const CudaDriver &driver = device.driver;
  if (!row.overlap || call.weightPending || !driver.launchKernelEx ||
      device.computeCapability < firstWithOverlap)
    return false;
  if (driver.version >= cuda::programmaticGraphs)
    return true;
  int status = cuda::captureNone;
  return driver.streamIsCapturing(stream, &status) == 0 &&
         status == cuda::captureNone;
}
