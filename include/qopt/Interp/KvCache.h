//===- KvCache.h - keys and values of several sequences -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_KVCACHE_H
#define QOPT_INTERP_KVCACHE_H

#include "qopt/Interp/Tensor.h"
#include "qopt/Support/Error.h"

#include <map>

namespace qopt {

/// What a `!llm.kv_cache` value is: the keys and values of every layer, for
/// independent sequences that run in one batch. The rows of a call are those of
/// sequence 0, then those of sequence 1, and so on.
class KvCache {
public:
  /// Empty sequences.
  explicit KvCache(int64_t sequences = 1)
      : lengths(sequences, 0), rows(sequences, 0) {}

  int64_t sequences() const { return int64_t(lengths.size()); }

  /// Announces the next call, in which sequence i has counts[i] rows. Returns
  /// the position of every row, the `pos` argument of the call.
  Indices beginCall(std::vector<int64_t> counts);

  /// Rows that sequence i has in the current call.
  const std::vector<int64_t> &rowCounts() const { return rows; }
  /// Rows of sequence i before the current call.
  int64_t length(int64_t sequence) const { return lengths[sequence]; }

  /// Appends the keys and values [rows of the call, kvHeads · headDim] of one
  /// layer. An error if the rows are not those that were announced, or if the
  /// layer was already called.
  Status append(int64_t layer, ConstMatrix keys, ConstMatrix values);
  /// All keys and values of one sequence so far, [length, kvHeads · headDim].
  ConstMatrix keys(int64_t layer, int64_t sequence) const;
  ConstMatrix values(int64_t layer, int64_t sequence) const;

private:
  struct Layer {
    int64_t columns = 0;
    std::vector<std::vector<float>> keys, values; // of each sequence
  };
  std::map<int64_t, Layer> layers;
  std::vector<int64_t> lengths, rows;
};

} // namespace qopt

#endif // QOPT_INTERP_KVCACHE_H
