//===- CudaModule.cpp - load a module, choose its kernels -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CudaModule.h"

#include <algorithm>

using namespace qopt::runtime;

/// The word after `directive` in PTX: "8.0" of ".version 8.0".
static std::string directive(std::string_view ptx, std::string_view name) {
  size_t at = ptx.find(name);
  if (at == ptx.npos)
    return "?";
  at = ptx.find_first_not_of(' ', at + name.size());
  size_t end = ptx.find_first_of(" ,\n\r", at);
  return at == ptx.npos ? "?" : std::string(ptx.substr(at, end - at));
}

/// What a refused image was made for, and what is here.
static std::string mismatch(const QoptCudaDevice &device,
                            std::string_view image, int code) {
  bool isText = image.substr(0, 4) != "\177ELF";
  if (code == cuda::errorUnsupportedPtx && isText)
    return "the PTX is of version " + directive(image, ".version") +
           ", and the driver supports CUDA " +
           cudaVersion(device.driver.version) + "; update the driver";
  if (code == cuda::errorNoBinary || code == cuda::errorInvalidPtx)
    return (isText ? "the PTX is for " + directive(image, ".target")
                   : std::string("the cubin is for another GPU")) +
           ", and " + device.name + " has compute capability " +
           std::to_string(device.computeCapability / 10) + "." +
           std::to_string(device.computeCapability % 10);
  return "";
}

bool QoptCudaModule::load(const std::string &image, std::string &error) {
  char log[4096] = "";
  int options[] = {cuda::jitErrorLog, cuda::jitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  const CudaDriver &driver = device.driver;
  int code = driver.moduleLoadData(&module, image.c_str(), 2, options, values);
  if (!driver.succeeded(code, "loading the kernels", error)) {
    module = nullptr;
    for (const std::string &more :
         {mismatch(device, image, code), std::string(log)})
      if (!more.empty())
        error += ": " + more;
    return false;
  }
  return readTable(error) && prepareKernels(error);
}

bool QoptCudaModule::readTable(std::string &error) {
  const CudaDriver &driver = device.driver;
  uint64_t address = 0;
  size_t bytes = 0;
  int code = driver.moduleGetGlobal(&address, &bytes, module, "qopt_dispatch");
  if (code == cuda::errorNotFound) {
    error = "the module has no table of kernels (qopt_dispatch); it does not "
            "come from qopt's lower-to-nvptx";
    return false;
  }
  description.resize(bytes);
  if (!driver.succeeded(code, "finding the table of kernels", error) ||
      !driver.succeeded(driver.copyToHost(description.data(), address, bytes),
                        "reading the table of kernels", error))
    return false;
  description.resize(std::min(description.find('\0'), description.size()));
  if (DispatchTable::parse(description, table, error))
    return true;
  error = "the table of kernels is wrong: " + error;
  return false;
}

bool QoptCudaModule::prepareKernels(std::string &error) {
  const CudaDriver &driver = device.driver;
  for (const KernelRow &row : table.rows) {
    Kernel kernel;
    int shared = 0;
    if (!driver.succeeded(driver.moduleGetFunction(&kernel.function, module,
                                                   row.entry.c_str()),
                          "finding the kernel " + row.entry, error) ||
        !driver.succeeded(driver.functionGetAttribute(
                              &shared, cuda::staticShared, kernel.function),
                          "asking for the shared memory of " + row.entry,
                          error))
      return false;
    kernel.staticShared = shared;
    // As much dynamic shared memory as any launch of the row may ask for.
    int64_t most = device.sharedPerBlock - shared;
    if (row.maxRows != 0 || row.sharedPerRow == 0)
      most = std::min(most, row.dynamicShared(row.maxRows));
    constexpr int64_t withoutAsking = 48 << 10;
    if (most + shared > withoutAsking &&
        !driver.succeeded(driver.functionSetAttribute(
                              kernel.function, cuda::dynamicShared, int(most)),
                          "reserving shared memory for " + row.entry, error))
      return false;
    constexpr int64_t portableCluster = 8;
    if (row.cluster > portableCluster &&
        !driver.succeeded(driver.functionSetAttribute(
                              kernel.function, cuda::nonPortableCluster, 1),
                          "allowing the clusters of " + row.entry, error))
      return false;
    kernels.push_back(kernel);
    // The driver takes a microsecond for each answer; launches look it up.
    constexpr int64_t mostAnswers = 256;
    if (row.persistent) {
      int64_t answers = row.sharedPerRow == 0 ? 1 : row.maxRows;
      for (int64_t m = 1; m <= std::min(answers, mostAnswers); ++m)
        kernels.back().blocks.push_back(
            blocksPerMultiprocessor(kernels.size() - 1, row.dynamicShared(m)));
    }
  }
  return true;
}

int QoptCudaModule::blocksPerMultiprocessor(size_t row,
                                            int64_t sharedBytes) const {
  int count = 0;
  device.driver.occupancy(&count, kernels[row].function,
                          int(table.rows[row].block), size_t(sharedBytes));
  return count;
}

/// Whether streams cannot be told apart, as for a workspace they must be.
bool QoptCudaModule::lacksStreamIds(const KernelRow &row) const {
  return row.workspace > 0 && !device.driver.streamGetId;
}

std::string QoptCudaModule::reasonAgainst(const std::vector<size_t> &candidates,
                                          int64_t rows) const {
  constexpr int64_t ofSm86 = 99 << 10;
  for (auto it = candidates.rbegin(); it != candidates.rend(); ++it) {
    const KernelRow &row = table.rows[*it];
    int64_t bytes = row.dynamicShared(rows) + kernels[*it].staticShared;
    if (rows < 1 || (row.maxRows != 0 && rows > row.maxRows))
      continue;
    if (lacksStreamIds(row))
      return ": " + row.entry +
             " has a workspace for each stream, for which the driver has to "
             "support CUDA " +
             cudaVersion(cuda::streamIds) + ", and it supports " +
             cudaVersion(device.driver.version);
    if (bytes <= device.sharedPerBlock)
      continue;
    std::string reason = ": " + row.entry + " takes " + std::to_string(bytes) +
                         " bytes of shared memory, and a block has " +
                         std::to_string(device.sharedPerBlock) +
                         " here; the module is for " + table.chip;
    return device.sharedPerBlock >= ofSm86 ? reason + ", lower for chip=sm_86"
                                           : reason;
  }
  return "";
}

bool QoptCudaModule::choose(const char *name, int64_t rows, size_t &row,
                            Geometry &geometry, std::string &error) const {
  const std::vector<size_t> &candidates = table.candidates(name);
  if (candidates.empty()) {
    error = std::string("the module has no linear and no kernel ") + name;
    return false;
  }
  for (size_t candidate : candidates) {
    const Kernel &kernel = kernels[candidate];
    const KernelRow &description = table.rows[candidate];
    if (lacksStreamIds(description))
      continue;
    auto blocks = [&](int64_t shared) -> int64_t {
      size_t index = description.sharedPerRow == 0 ? 0 : size_t(rows - 1);
      return index < kernel.blocks.size()
                 ? kernel.blocks[index]
                 : blocksPerMultiprocessor(candidate, shared);
    };
    DeviceLimits limits = {device.multiprocessors,
                           device.sharedPerBlock - kernel.staticShared};
    if (geometryOf(description, rows, limits, blocks, geometry)) {
      row = candidate;
      return true;
    }
  }
  error = std::string("no kernel of ") + name +
          " takes M = " + std::to_string(rows) + " on " + device.name +
          reasonAgainst(candidates, rows);
  return false;
}

QoptCudaModule::~QoptCudaModule() {
  if (module)
    device.driver.moduleUnload(module);
}
