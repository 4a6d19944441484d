//===- Ops.cpp - f32 reference of the model's operations ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Ops.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

using namespace qopt;

/// Elements per task of elementwise work: enough to pay for starting it.
static constexpr int64_t elementsPerTask = 1 << 14;

template <typename Body>
static void inTasks(const ComputeContext &context, int64_t count, int64_t each,
                    const Body &body) {
  context.pool.parallelFor((count + each - 1) / each, [&](int64_t task) {
    body(task * each, std::min(count, (task + 1) * each));
  });
}
/// Rows of `length` elements that make one task.
static int64_t rowsPerTask(int64_t length) {
  return std::max<int64_t>(1, elementsPerTask / std::max<int64_t>(1, length));
}

void qopt::rmsNorm(const ComputeContext &context, std::span<const float> x,
                   std::span<const float> weight, float epsilon,
                   std::span<float> y, float offset) {
  const int64_t length = weight.size();
  assert(x.size() == y.size() && x.size() % weight.size() == 0);
  inTasks(context, x.size() / length, rowsPerTask(length),
          [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
              const float *source = x.data() + row * length;
              float *target = y.data() + row * length;
              double squares = 0;
              for (int64_t i = 0; i < length; ++i)
                squares += double(source[i]) * source[i];
              const float factor =
                  float(1 / std::sqrt(squares / double(length) + epsilon));
              for (int64_t i = 0; i < length; ++i)
                target[i] = source[i] * factor * (offset + weight[i]);
            }
          });
}

void qopt::layerNorm(const ComputeContext &context, std::span<const float> x,
                     std::span<const float> weight, std::span<const float> bias,
                     float epsilon, std::span<float> y) {
  const int64_t length = weight.size();
  assert(x.size() == y.size() && x.size() % weight.size() == 0 &&
         (bias.empty() || bias.size() == weight.size()));
  inTasks(context, x.size() / length, rowsPerTask(length),
          [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
              const float *source = x.data() + row * length;
              float *target = y.data() + row * length;
              double sum = 0, squares = 0;
              for (int64_t i = 0; i < length; ++i)
                sum += source[i];
              const double mean = sum / double(length);
              for (int64_t i = 0; i < length; ++i)
                squares += (source[i] - mean) * (source[i] - mean);
              const double factor =
                  1 / std::sqrt(squares / double(length) + epsilon);
              for (int64_t i = 0; i < length; ++i)
                target[i] = float((source[i] - mean) * factor) * weight[i] +
                            (bias.empty() ? 0 : bias[i]);
            }
          });
}

void qopt::rope(const ComputeContext &context, MutableMatrix x, int64_t headDim,
                std::span<const int32_t> positions,
                std::span<const float> frequencies, bool interleaved,
                float magnitude) {
  const int64_t half = frequencies.size();
  const int64_t step = interleaved ? 2 : 1, distance = interleaved ? 1 : half;
  assert(int64_t(positions.size()) == x.rows && x.columns % headDim == 0 &&
         2 * half <= headDim);
  inTasks(
      context, x.rows, rowsPerTask(x.columns), [&](int64_t begin, int64_t end) {
        std::vector<float> cosine(half), sine(half);
        for (int64_t row = begin; row < end; ++row) {
          for (int64_t i = 0; i < half; ++i) {
            const double angle = float(positions[row]) * frequencies[i];
            cosine[i] = float(magnitude * std::cos(angle));
            sine[i] = float(magnitude * std::sin(angle));
          }
          for (float *head = x.row(row); head < x.row(row) + x.columns;
               head += headDim)
            for (int64_t i = 0; i < half; ++i) {
              float &low = head[i * step], &high = head[i * step + distance];
              const float before = low;
              low = before * cosine[i] - high * sine[i];
              high = high * cosine[i] + before * sine[i];
            }
        }
      });
}

void qopt::softcap(const ComputeContext &context, float cap,
                   std::span<const float> x, std::span<float> y) {
  assert(x.size() == y.size());
  inTasks(context, x.size(), elementsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      y[i] = cap * std::tanh(x[i] / cap);
  });
}

void qopt::scale(const ComputeContext &context, float factor,
                 std::span<float> x) {
  inTasks(context, x.size(), elementsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      x[i] *= factor;
  });
}

void qopt::add(const ComputeContext &context, std::span<const float> a,
               std::span<const float> b, std::span<float> y) {
  assert(a.size() == b.size() && a.size() == y.size());
  inTasks(context, a.size(), elementsPerTask, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      y[i] = a[i] + b[i];
  });
}

void qopt::addBias(const ComputeContext &context, std::span<const float> bias,
                   MutableMatrix x) {
  assert(int64_t(bias.size()) == x.columns);
  inTasks(context, x.rows, rowsPerTask(x.columns),
          [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row)
              for (int64_t column = 0; column < x.columns; ++column)
                x(row, column) += bias[column];
          });
}

void qopt::permuteColumns(const ComputeContext &context, ConstMatrix x,
                          std::span<const int64_t> order, MutableMatrix y) {
  assert(int64_t(order.size()) == y.columns && x.rows == y.rows);
  inTasks(context, y.rows, rowsPerTask(y.columns),
          [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
              const float *source = x.row(row);
              std::transform(order.begin(), order.end(), y.row(row),
                             [&](int64_t column) { return source[column]; });
            }
          });
}

Status qopt::gatherRows(const ComputeContext &context, ConstMatrix table,
                        std::span<const int32_t> tokens, MutableMatrix y) {
  assert(int64_t(tokens.size()) == y.rows && table.columns == y.columns);
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || tokens[i] >= table.rows)
      return badInput("token ", tokens[i], " at position ", i,
                      " is outside the vocabulary of ", table.rows);
  inTasks(context, y.rows, rowsPerTask(y.columns),
          [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row)
              std::copy_n(table.row(tokens[row]), y.columns, y.row(row));
          });
  return {};
}
