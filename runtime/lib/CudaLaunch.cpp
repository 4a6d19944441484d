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

/// Of two arrays of 16-bit numbers of which a kernel reads one and writes the
/// other.
static bool overlap(QoptCudaPointer a, uint64_t aCount, QoptCudaPointer b,
                    uint64_t bCount) {
  return a <= b ? b - a < 2 * aCount : a - b < 2 * bCount;
}

/// Empty, or what is wrong with the memory of a permutation of [rows, columns].
static std::string checkPermutation(const QoptCudaCall &call, int64_t columns) {
  uint64_t count = uint64_t(call.rows) * uint64_t(columns);
  for (std::string problem :
       {checkAddress("x", call.x), checkAddress("order", call.order),
        checkAddress("permuted", call.permuted)})
    if (!problem.empty())
      return problem;
  return overlap(call.x, count, call.permuted, count) ? "x and permuted overlap"
                                                      : "";
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
        checkAddress("y", call.y)})
    if (!problem.empty())
      return problem;
  uint64_t rows = uint64_t(call.rows);
  return overlap(call.x, rows * row.k, call.y, rows * row.n) ? "x and y overlap"
                                                             : "";
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
  QoptCudaCall copy = call; // parameters are read at the launch
  std::string problem;
  if (call.order) {
    problem = checkPermutation(call, row.k);
    copy.x = call.permuted;
  }
  if (problem.empty())
    problem = checkMemory(row, copy);
  if (!problem.empty()) {
    error = std::string(call.name) + ": " + problem;
    return false;
  }
  CudaWorkspaces::Lease workspace;
  if (row.workspace > 0 &&
      !device.workspaces.lease(stream, size_t(row.workspace), workspace,
                               error)) {
    error = row.entry + ": " + error;
    return false;
  }
  if (call.order && !permute(call, row.k, stream, error))
    return false;
  std::vector<void *> parameters = {&copy.x, &copy.weight.packed,
                                    &copy.weight.scales};
  if (row.zeros)
    parameters.push_back(&copy.weight.zeros);
  if (row.superScales)
    parameters.push_back(&copy.weight.superScales);
  parameters.push_back(&copy.y);
  parameters.push_back(&copy.rows);
  if (row.workspace > 0)
    parameters.push_back(&workspace.address);
  return start(index, geometry, call, parameters.data(), stream, error);
}

bool QoptCudaModule::permute(const QoptCudaCall &call, int64_t columns,
                             QoptCudaStream stream, std::string &error) const {
  auto found = table.permutations.find(columns);
  Geometry geometry;
  if (found == table.permutations.end() ||
      !geometryOf(table.rows[found->second], call.rows, {}, nullptr,
                  geometry)) {
    error = std::string(call.name) + ": the module has no permutation of " +
            std::to_string(columns) +
            " columns; it was lowered without weights in act-order";
    return false;
  }
  QoptCudaCall copy = call;
  void *parameters[] = {&copy.x, &copy.order, &copy.permuted, &copy.rows};
  return start(found->second, geometry, call, parameters, stream, error);
}

bool QoptCudaModule::start(size_t index, const Geometry &geometry,
                           const QoptCudaCall &call, void **parameters,
                           QoptCudaStream stream, std::string &error) const {
  const KernelRow &row = table.rows[index];
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
    result = driver.launchKernelEx(&config, function, parameters, nullptr);
  } else {
    result = driver.launchKernel(function, geometry.gridX, geometry.gridY, 1,
                                 geometry.block, 1, 1, geometry.shared, stream,
                                 parameters, nullptr);
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
