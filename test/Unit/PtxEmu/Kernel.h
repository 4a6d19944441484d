//===- Kernel.h - small kernels for the emulator's tests -------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_PTXEMU_KERNEL_H
#define QOPT_TEST_PTXEMU_KERNEL_H

#include "Grid.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace ptx::test {

using Words = std::vector<uint32_t>;

struct Shape {
  unsigned grid = 1, block = 32;
  uint64_t shared = 0; ///< dynamic
  uint64_t resident = 0;
  unsigned cluster = 0;
  bool lateInput = false; ///< the grid before may still write `in`
};

/// A module with one entry `k(in, out)`. The body finds the thread's number in
/// the grid in %id, the addresses of both buffers in %in and %out, and may use
/// the registers %p<8>, %h<16>, %r<64>, %d<32>, %q<4>.
inline std::string module(const std::string &body,
                          const std::string &declarations = "") {
  return R"(.version 8.6
.target sm_90a
.address_size 64
)" + declarations +
         R"(
.visible .entry k(.param .u64 in, .param .u64 out)
{
  .reg .pred %p<8>;
  .reg .b16 %h<16>;
  .reg .b32 %r<64>, %id, %lane, %cta, %block;
  .reg .b64 %d<32>, %in, %out;
  .reg .b128 %q<4>;
  ld.param.u64 %in, [in];
  ld.param.u64 %out, [out];
  mov.u32 %lane, %tid.x;
  mov.u32 %cta, %ctaid.x;
  mov.u32 %block, %ntid.x;
  mad.lo.u32 %id, %cta, %block, %lane;
)" + body +
         "\n  ret;\n}\n";
}

/// The line of the text on which a body starts.
constexpr int firstLine = 18;

struct Outcome {
  Words out;
  std::string error; ///< empty if the kernel ended
  int line = 0;
};

inline Outcome run(const std::string &text, const Words &in, size_t outWords,
                   Shape shape = {}) {
  Outcome result;
  try {
    Module parsed = parse(text);
    Program program = compile(parsed, parsed.entries.at("k"));
    GlobalMemory memory;
    auto bytes = [](const Words &words) {
      const auto *first = reinterpret_cast<const uint8_t *>(words.data());
      return std::vector<uint8_t>(first, first + 4 * words.size());
    };
    uint64_t input = memory.add("in", bytes(in));
    if (shape.lateInput)
      memory.setLate(input);
    uint64_t output = memory.add("out", bytes(Words(outWords, 0xdeadbeef)));
    memory.addGlobals(parsed);
    Launch launch;
    launch.grid[0] = shape.grid;
    launch.block[0] = shape.block;
    launch.dynamicShared = shape.shared;
    launch.resident = shape.resident;
    launch.cluster = shape.cluster;
    launch.push(input);
    launch.push(output);
    Grid(program, launch, memory).run();
    result.out.resize(outWords);
    std::memcpy(result.out.data(), memory.bytes(output).data(), 4 * outWords);
  } catch (const Error &error) {
    result.error = error.what();
    result.line = error.line;
  }
  return result;
}

/// Runs `body` in each thread with registers %r0, %r1, ... loaded from `inputs`
/// (one vector for each, a word for each thread), and returns %r32, %r33, ...
inline std::vector<Words> lanes(const std::string &body,
                                const std::vector<Words> &inputs,
                                size_t outputs = 1, Shape shape = {}) {
  size_t threads = size_t(shape.grid) * shape.block;
  std::string text = "  mul.wide.u32 %d30, %id, 4;\n"
                     "  add.u64 %in, %in, %d30;\n"
                     "  add.u64 %out, %out, %d30;\n";
  Words in;
  for (size_t i = 0; i < inputs.size(); ++i) {
    text += "  ld.global.b32 %r" + std::to_string(i) + ", [%in+" +
            std::to_string(4 * threads * i) + "];\n";
    in.insert(in.end(), inputs[i].begin(), inputs[i].end());
  }
  text += body + "\n";
  for (size_t i = 0; i < outputs; ++i)
    text += "  st.global.b32 [%out+" + std::to_string(4 * threads * i) +
            "], %r" + std::to_string(32 + i) + ";\n";
  Outcome result = run(module(text), in, threads * outputs, shape);
  EXPECT_EQ(result.error, "") << "line " << result.line << " of\n" << text;
  std::vector<Words> out(outputs, Words(threads));
  if (result.error.empty())
    for (size_t i = 0; i < outputs; ++i)
      std::copy_n(result.out.begin() + i * threads, threads, out[i].begin());
  return out;
}

/// The value of one instruction `%r32 = op(%r0, ...)` for constants.
inline uint32_t value(const std::string &body, const Words &operands) {
  std::vector<Words> inputs;
  for (uint32_t operand : operands)
    inputs.push_back(Words(32, operand));
  return lanes(body, inputs)[0][7];
}

#define EXPECT_ERROR(run, text)                                                \
  EXPECT_NE((run).error.find(text), std::string::npos) << (run).error

} // namespace ptx::test

#endif // QOPT_TEST_PTXEMU_KERNEL_H
