//===- Counters.h - what a kernel executed ---------------------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Counts for tuning without a GPU: instructions by class; for each load and
// store of global memory the bytes and the 32-byte sectors that they touch; for
// each access of shared memory the wavefronts that its bank conflicts cost.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_COUNTERS_H
#define PTX_EMU_COUNTERS_H

#include "Program.h"

#include <bit>
#include <span>
#include <string>

namespace ptx {

class Counters {
public:
  explicit Counters(const Program &program)
      : program(program), rows(program.code.size()) {}

  void count(size_t instruction, Lanes mask) {
    ++rows[instruction].executions;
    rows[instruction].threads += std::popcount(mask);
  }
  /// One access of global memory: `size` bytes at each address.
  void global(const Instruction &in, std::span<const uint64_t> addresses,
              unsigned size);
  /// One access of shared memory. Wide accesses are served in parts: 8 bytes
  /// for 16 lanes at a time, 16 bytes for 8.
  void shared(const Instruction &in, std::span<const uint64_t> addresses,
              unsigned size);

  std::string json() const;

private:
  struct Row {
    uint64_t executions = 0, threads = 0;
    uint64_t accesses = 0, bytes = 0, sectors = 0;
    uint64_t wavefronts = 0, idealWavefronts = 0;
  };
  Row &row(const Instruction &in) { return rows[&in - program.code.data()]; }

  const Program &program;
  std::vector<Row> rows;
};

} // namespace ptx

#endif // PTX_EMU_COUNTERS_H
