//===- Dispatch.h - which kernel runs a linear, and how ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A PTX module carries a table, JSON text in the global qopt_dispatch, with one
// row per kernel (docs/nvptx.md). The rows of a linear are in the order in
// which they are tried: the first that takes M and fits the device is launched.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_DISPATCH_H
#define QOPT_RUNTIME_DISPATCH_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qopt::runtime {

/// A row of the table: one kernel.
struct KernelRow {
  std::string linear; // "qopt_linear_int4_g128_n8192_k8192"
  std::string scheme; // "int4_g128"
  int64_t bits = 0, group = 0;
  int64_t zero = 0;         // of all codes, unless there are zero points
  bool zeros = false;       // takes zero points
  bool minima = false;      // has minima
  bool superScales = false; // takes super-scales
  int64_t n = 0, k = 0;
  std::string activations; // "f16" or "bf16"
  std::string entry;
  int64_t maxRows = 0;                  // the largest M; 0: any
  int64_t block = 0;                    // threads
  int64_t shared = 0, sharedPerRow = 0; // dynamic bytes: shared + M * …
  int64_t tilesOfN = 0;                 // blocks (clusters) along N
  int64_t tileOfM = 0;                  // rows of x per block
  bool persistent = false;              // blocks stride over the tiles along N
  int64_t cluster = 1;                  // blocks of a cluster
  bool overlap = false;  // may begin before the kernel before it has ended
  int64_t workspace = 0; // bytes that it takes behind M; 0: none

  /// At the start of a workspace, four for each block.
  static constexpr int64_t workspaceFlagBytes = 4096;
  int64_t dynamicShared(int64_t rows) const {
    return shared + sharedPerRow * rows;
  }
};

struct DispatchTable {
  std::string chip;
  std::vector<KernelRow> rows;
  /// Of rows behind those of linears, which permute the columns of x: by K.
  /// They have no linear, scheme, N or activations.
  std::unordered_map<int64_t, size_t> permutations;

  /// Reads the text and checks every number: a launch of any row is then free
  /// of overflow. False with a sentence in `error`.
  static bool parse(std::string_view text, DispatchTable &table,
                    std::string &error);

  /// The rows to try, in order, for a linear or an entry; empty if the name is
  /// neither.
  const std::vector<size_t> &candidates(const std::string &name) const;

  /// Bytes of the largest workspace of a row; 0 if none has one.
  size_t largestWorkspace() const;

private:
  /// Of linears, and of entries that are not called like a linear.
  std::unordered_map<std::string, std::vector<size_t>> byName;
};

struct Geometry {
  uint32_t gridX = 0, gridY = 0, block = 0, shared = 0;
};

/// What a kernel finds on the device.
struct DeviceLimits {
  int64_t multiprocessors = 0;
  int64_t sharedPerBlock = 0; // dynamic bytes that a block can have
};

/// The launch of `row` for `rows` rows of x; false if it does not take so many
/// or they do not fit. `blocksPerMultiprocessor(sharedBytes)` is asked for
/// persistent kernels only.
bool geometryOf(const KernelRow &row, int64_t rows, const DeviceLimits &limits,
                const std::function<int64_t(int64_t)> &blocksPerMultiprocessor,
                Geometry &geometry);

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_DISPATCH_H
