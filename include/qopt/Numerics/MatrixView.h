//===- MatrixView.h - a row-major matrix owned by others --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_MATRIXVIEW_H
#define QOPT_NUMERICS_MATRIXVIEW_H

#include <cstdint>
#include <type_traits>

namespace qopt {

/// A row-major matrix; row r starts at data + r * stride (in elements).
template <typename T> struct MatrixView {
  T *data = nullptr;
  int64_t rows = 0, columns = 0, stride = 0;

  MatrixView() = default;
  MatrixView(T *data, int64_t rows, int64_t columns)
      : MatrixView(data, rows, columns, columns) {}
  MatrixView(T *data, int64_t rows, int64_t columns, int64_t stride)
      : data(data), rows(rows), columns(columns), stride(stride) {}
  /// A mutable view is also a view of const elements.
  template <typename U>
    requires(std::is_same_v<const U, T> && !std::is_same_v<U, T>)
  MatrixView(const MatrixView<U> &other)
      : MatrixView(other.data, other.rows, other.columns, other.stride) {}

  T *row(int64_t index) const { return data + index * stride; }
  T &operator()(int64_t row, int64_t column) const {
    return data[row * stride + column];
  }
  MatrixView block(int64_t row, int64_t column, int64_t blockRows,
                   int64_t blockColumns) const {
    return {data + row * stride + column, blockRows, blockColumns, stride};
  }
};

using ConstMatrix = MatrixView<const float>;
using MutableMatrix = MatrixView<float>;

} // namespace qopt

#endif // QOPT_NUMERICS_MATRIXVIEW_H
