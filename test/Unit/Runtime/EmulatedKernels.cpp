//===- EmulatedKernels.cpp - PTX behind the fake driver -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// EmulatedCuda.so is a driver whose kernels do what their PTX says, by ptx-emu:
// for programs on the runtime, from a file of weights to y. Buffers of a launch
// are copied into the emulator and back, each with its own bounds. What a
// kernel does wrong goes to stderr, and fails the next wait for the stream.
//
//===----------------------------------------------------------------------===//
#include "FakeStreams.h"
#include "Grid.h"

#include <algorithm>
#include <cstring>
#include <deque>

using namespace fake;

namespace {
struct Kernel {
  const ptx::Module &module;
  const ptx::Entry &entry;
  ptx::Program program;
};

/// The parameters of a linear are x, its weight's components, y, M and perhaps
/// a workspace.
struct Arguments {
  std::vector<uint64_t> values;
  size_t m = 0; // place of the only one of four bytes

  bool isPointer(size_t i) const { return i != m; }
  bool hasWorkspace() const { return m + 1 < values.size(); }
  /// Whether the kernel before in the stream may still use it.
  bool isLate(size_t i) const { return i == 0 || i + 1 >= m; }
};

class Emulated : public Kernels {
public:
  Emulated() { kernels = this; }

  int sharedPerBlock() const override { return 227 << 10; } // as of sm_90

  std::string load(const char *ptx, std::string &log) override {
    try {
      modules.push_back(ptx::parse(ptx));
      const std::vector<uint8_t> &text =
          modules.back().globals.at("qopt_dispatch").initial;
      return {text.begin(), std::find(text.begin(), text.end(), 0)};
    } catch (const std::exception &error) {
      log = error.what();
      return "";
    }
  }

  int launch(const Launch &launch, Handle stream, void **parameters) override {
    std::shared_ptr<Kernel> kernel = find(launch.entry);
    if (!kernel)
      return 500;
    Arguments arguments;
    for (size_t i = 0; i < kernel->entry.parameters.size(); ++i) {
      uint64_t value = 0;
      size_t bytes = kernel->entry.parameters[i].bytes;
      std::memcpy(&value, parameters[i], bytes);
      arguments.values.push_back(value);
      if (bytes == 4)
        arguments.m = i;
    }
    if (arguments.hasWorkspace())
      useWorkspace(arguments.values.back(), stream);
    write("launch " + launch.entry);
    submit(stream, [=] { run(*kernel, launch, arguments); });
    return 0;
  }

private:
  std::shared_ptr<Kernel> find(const std::string &name) {
    for (const ptx::Module &module : modules)
      if (auto entry = module.entries.find(name); entry != module.entries.end())
        return std::make_shared<Kernel>(
            Kernel{module, entry->second, ptx::compile(module, entry->second)});
    return nullptr;
  }

  static void run(const Kernel &kernel, const Launch &launch,
                  const Arguments &arguments) {
    ptx::Launch grid;
    std::copy_n(launch.grid, 3, grid.grid);
    grid.block[0] = launch.block;
    grid.dynamicShared = launch.shared;
    ptx::GlobalMemory memory;
    std::vector<uint64_t> places;
    for (size_t i = 0; i < arguments.values.size(); ++i) {
      if (!arguments.isPointer(i)) {
        places.push_back(0);
        grid.push(int32_t(arguments.values[i]));
        continue;
      }
      auto *begin = reinterpret_cast<const uint8_t *>(arguments.values[i]);
      size_t bytes = allocatedBytes(arguments.values[i]);
      places.push_back(
          memory.add("parameter " + std::to_string(i), {begin, begin + bytes}));
      if (launch.overlap && arguments.isLate(i))
        memory.setLate(places[i]);
      grid.push(places[i]);
    }
    memory.addGlobals(kernel.module);
    try {
      ptx::Grid(kernel.program, grid, memory).run();
    } catch (const ptx::Error &error) {
      fail(launch.entry + ": line " + std::to_string(error.line) + ": " +
           error.what());
    }
    for (size_t i = 0; i < places.size(); ++i)
      if (arguments.isPointer(i))
        std::memcpy(reinterpret_cast<void *>(arguments.values[i]),
                    memory.bytes(places[i]).data(),
                    memory.bytes(places[i]).size());
  }

  std::deque<ptx::Module> modules;
};

Emulated emulated;
} // namespace
