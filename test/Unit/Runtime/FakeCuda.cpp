//===- FakeCuda.cpp - a driver that only writes down calls ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "FakeStreams.h"

#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>

using namespace fake;

FakeCuda fake::state;
Kernels *fake::kernels = nullptr;
/// Functions are handles to their names, modules to their images.
static std::deque<std::string> names;
static std::string table;

int fake::write(const std::string &call) {
  state.calls.push_back(call);
  return 0;
}

/// The context of the only device.
static Handle primaryContext() { return &state; }

void fake::needContext(const char *function) {
  if (state.contexts.empty() || state.contexts.back() != primaryContext())
    misuse(std::string(function) + " in another context");
}

void fake::misuse(const std::string &what) {
  state.misuses.push_back(what);
  if (kernels)
    fail("misuse of the driver: " + what);
}

void fake::fail(const std::string &what) {
  constexpr int launchFailure = 719;
  std::cerr << what << "\n";
  state.workResult = launchFailure;
}

extern "C" {
FakeCuda *fakeCuda() { return &state; }

int cuInit(unsigned) { return state.devices > 0 ? 0 : 100; }
int cuDriverGetVersion(int *version) { return *version = state.version, 0; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceGetCount(int *count) { return *count = state.devices, 0; }
int cuDeviceGetName(char *name, int size, int) {
  return std::strncpy(name, "Fake GPU", size), 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 16   ? 10
           : attribute == 38 ? 1 << 20
           : attribute == 75 ? state.computeMajor
           : attribute == 97 ? (kernels ? kernels->sharedPerBlock() : 200000)
                             : 0;
  return 0;
}
int cuDevicePrimaryCtxRetain(Handle *context, int) {
  return *context = primaryContext(), write("retain");
}
int cuDevicePrimaryCtxRelease_v2(int) { return write("release"); }
int cuCtxPushCurrent_v2(Handle context) {
  return state.contexts.push_back(context), 0;
}
int cuCtxPopCurrent_v2(Handle *context) {
  if (state.contexts.empty())
    return 201;
  *context = state.contexts.back();
  return state.contexts.pop_back(), 0;
}
int cuModuleLoadDataEx(Handle *module, const void *image, unsigned count,
                       int *options, void **values) {
  needContext("cuModuleLoadDataEx");
  table = static_cast<const char *>(image);
  if (kernels)
    table = kernels->load(table.c_str(), state.loadLog);
  *module = &table;
  for (unsigned i = 0; i < count; ++i)
    if (options[i] == 5)
      std::strcpy(static_cast<char *>(values[i]), state.loadLog.c_str());
  write("load");
  constexpr int invalidPtx = 218;
  return table.empty() ? invalidPtx : state.loadResult;
}
int cuModuleUnload(Handle) {
  return needContext("cuModuleUnload"), write("unload");
}
int cuModuleGetFunction(Handle *function, Handle, const char *name) {
  names.push_back(name);
  *function = &names.back();
  return names.back() == "missing" ? 500 : 0;
}
int cuModuleGetGlobal_v2(uint64_t *address, size_t *bytes, Handle,
                         const char *name) {
  *address = reinterpret_cast<uint64_t>(table.c_str());
  *bytes = table.size() + 1;
  return state.hasTable && !std::strcmp(name, "qopt_dispatch") ? 0 : 500;
}
int cuFuncGetAttribute(int *value, int attribute, Handle) {
  *value = attribute == 1 ? 1000 : 0; // static shared memory
  return 0;
}
int cuFuncSetAttribute(Handle function, int attribute, int value) {
  return write("set " + *static_cast<std::string *>(function) + " " +
               std::to_string(attribute) + " " + std::to_string(value));
}
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *count, Handle, int,
                                                size_t shared) {
  ++state.occupancyQuestions;
  *count = state.sharedPerMultiprocessor
               ? int(state.sharedPerMultiprocessor / shared)
               : state.blocksPerMultiprocessor;
  return 0;
}

/// CUlaunchConfig with one CUlaunchAttribute.
struct Config {
  unsigned grid[3], block[3], shared;
  Handle stream;
  struct Attribute {
    int id, pad;
    int flag;
  } *attributes;
  unsigned count;
};
int cuLaunchKernel(Handle, unsigned, unsigned, unsigned, unsigned, unsigned,
                   unsigned, unsigned, Handle, void **, void **);
static bool overlap = false; // of the launch that begins
int cuLaunchKernelEx(const Config *config, Handle function, void **parameters,
                     void **extra) {
  write("attribute " + std::to_string(config->attributes->id) + " " +
        std::to_string(config->attributes->flag));
  overlap = config->attributes->flag != 0;
  int result = cuLaunchKernel(
      function, config->grid[0], config->grid[1], config->grid[2],
      config->block[0], config->block[1], config->block[2], config->shared,
      config->stream, parameters, extra);
  overlap = false;
  return result;
}
int cuLaunchKernel(Handle function, unsigned x, unsigned y, unsigned z,
                   unsigned blockX, unsigned, unsigned, unsigned shared,
                   Handle stream, void **parameters, void **) {
  needContext("cuLaunchKernel");
  if (!isRecorded(stream))
    begin("launch", stream);
  const std::string &entry = *static_cast<std::string *>(function);
  if (kernels)
    return kernels->launch({entry, {x, y, z}, blockX, shared, overlap}, stream,
                           parameters);
  std::string call = "launch " + entry + " grid " + std::to_string(x) + "x" +
                     std::to_string(y) + "x" + std::to_string(z) + " block " +
                     std::to_string(blockX) + " shared " +
                     std::to_string(shared) + " parameters";
  // Pointers, and then M, which tests keep below every pointer.
  int32_t small = 1000;
  int count = 0;
  for (; small >= 1000; ++count) {
    std::memcpy(&small, parameters[count], 4);
    call += " " + std::to_string(small);
  }
  if (entry.starts_with("striped")) {
    uint64_t workspace;
    std::memcpy(&workspace, parameters[count], 8);
    call += " workspace " + std::to_string(useWorkspace(workspace, stream));
  }
  write(call);
  return state.launchResult;
}
int cuGetErrorString(int code, const char **text) {
  *text = code == 2     ? "out of memory"
          : code == 222 ? "the provided PTX was compiled with an unsupported "
                          "toolchain."
          : code == 209 ? "no kernel image is available for execution on the "
                          "device"
          : code == 719 ? "unspecified launch failure"
                        : nullptr;
  return 0;
}
}
