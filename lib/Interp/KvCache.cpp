//===- KvCache.cpp - keys and values of several sequences -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/KvCache.h"

#include <numeric>

using namespace qopt;

Tensor Tensor::copyOf(ConstMatrix matrix) {
  Tensor copy(matrix.rows, matrix.columns);
  for (int64_t r = 0; r < matrix.rows; ++r)
    std::copy_n(matrix.row(r), matrix.columns, copy.mutableMatrix().row(r));
  return copy;
}

Indices KvCache::beginCall(std::vector<int64_t> counts) {
  std::vector<int32_t> positions;
  for (int64_t i = 0; i < sequences(); ++i) {
    lengths[i] += rows[i];
    for (int64_t row = 0; row < counts[i]; ++row)
      positions.push_back(int32_t(lengths[i] + row));
  }
  rows = std::move(counts);
  return makeIndices(std::move(positions));
}

Status KvCache::append(int64_t layer, ConstMatrix keys, ConstMatrix values) {
  int64_t total = std::accumulate(rows.begin(), rows.end(), int64_t(0));
  if (keys.rows != total || values.rows != total ||
      keys.columns != values.columns)
    return badInput("keys [", keys.rows, ", ", keys.columns, "] and values [",
                    values.rows, ", ", values.columns, "] do not fit the ",
                    total, " rows of this call");
  Layer &cached = layers[layer];
  if (cached.keys.empty()) {
    cached.columns = keys.columns;
    cached.keys.resize(sequences());
    cached.values.resize(sequences());
  }
  if (cached.columns != keys.columns)
    return badInput("layer ", layer, " had ", cached.columns,
                    " channels of keys, and now ", keys.columns);
  int64_t first = 0;
  for (int64_t i = 0; i < sequences(); ++i) {
    if (int64_t(cached.keys[i].size()) != lengths[i] * cached.columns)
      return badInput("layer ", layer,
                      " must be executed once in every call; does another op "
                      "have the same layer number?");
    auto extend = [&](std::vector<float> &target, ConstMatrix source) {
      for (int64_t row = first; row < first + rows[i]; ++row)
        target.insert(target.end(), source.row(row),
                      source.row(row) + source.columns);
    };
    extend(cached.keys[i], keys);
    extend(cached.values[i], values);
    first += rows[i];
  }
  return {};
}

ConstMatrix KvCache::keys(int64_t layer, int64_t sequence) const {
  const Layer &cached = layers.at(layer);
  const std::vector<float> &keys = cached.keys[sequence];
  return {keys.data(), int64_t(keys.size()) / cached.columns, cached.columns};
}

ConstMatrix KvCache::values(int64_t layer, int64_t sequence) const {
  const Layer &cached = layers.at(layer);
  const std::vector<float> &values = cached.values[sequence];
  return {values.data(), int64_t(values.size()) / cached.columns,
          cached.columns};
}
