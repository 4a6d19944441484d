//===- Tensor.h - a value of the interpreter -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_TENSOR_H
#define QOPT_INTERP_TENSOR_H

#include "qopt/Numerics/MatrixView.h"

#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace qopt {

class KvCache;

/// An f32 matrix [rows, columns]; leading dimensions of an IR tensor are
/// flattened into rows, and a vector is one row. Copies share the numbers.
class Tensor {
public:
  Tensor() = default;
  /// Uninitialised numbers.
  Tensor(int64_t rows, int64_t columns)
      : storage(std::make_shared_for_overwrite<float[]>(rows * columns)),
        rowCount(rows), columnCount(columns) {}

  /// Numbers that lie in `memory`, as from scratchFloats.
  Tensor(std::shared_ptr<float[]> memory, int64_t rows, int64_t columns)
      : storage(std::move(memory)), rowCount(rows), columnCount(columns) {}

  static Tensor copyOf(ConstMatrix matrix);

  int64_t rows() const { return rowCount; }
  int64_t columns() const { return columnCount; }
  int64_t size() const { return rowCount * columnCount; }
  int64_t bytes() const { return size() * int64_t(sizeof(float)); }

  ConstMatrix matrix() const { return {storage.get(), rowCount, columnCount}; }
  std::span<const float> values() const {
    return {storage.get(), size_t(size())};
  }
  std::span<const float> row(int64_t index) const {
    return values().subspan(index * columnCount, columnCount);
  }
  /// For whoever made the tensor, before it is shared.
  MutableMatrix mutableMatrix() {
    return {storage.get(), rowCount, columnCount};
  }
  std::span<float> mutableValues() { return {storage.get(), size_t(size())}; }
  /// How many tensors share the numbers.
  int64_t owners() const { return storage.use_count(); }

private:
  std::shared_ptr<float[]> storage;
  int64_t rowCount = 0, columnCount = 0;
};

/// Tokens or positions: i32 [rows].
using Indices = std::shared_ptr<const std::vector<int32_t>>;
inline Indices makeIndices(std::vector<int32_t> values) {
  return std::make_shared<const std::vector<int32_t>>(std::move(values));
}

/// A weight that is read from the WeightStore when an op needs it.
struct WeightReference {
  std::string symbol;
};

/// What an SSA value holds while a function runs.
using RuntimeValue =
    std::variant<std::monostate, Tensor, Indices, WeightReference, KvCache *>;

} // namespace qopt

#endif // QOPT_INTERP_TENSOR_H
