//===- Awq.cpp - scales that protect what large inputs meet ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Awq.h"
#include "qopt/Numerics/GgufEncode.h"
#include "qopt/Numerics/Rtn.h"

#include <limits>

using namespace qopt;

std::vector<float> qopt::awqScales(std::span<const double> activation,
                                   std::span<const double> weight,
                                   double alpha) {
  std::vector<double> raw(activation.size(), 1);
  double smallest = std::numeric_limits<double>::infinity(), largest = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (activation[i] == 0)
      continue;
    raw[i] = std::pow(activation[i], alpha);
    if (!weight.empty())
      raw[i] /= std::pow(weight[i], 1 - alpha) + 1e-4;
    raw[i] = std::max(raw[i], 1e-4);
    smallest = std::min(smallest, raw[i]);
    largest = std::max(largest, raw[i]);
  }
  std::vector<float> scales(raw.size(), 1);
  const double middle = std::sqrt(smallest * largest);
  for (size_t i = 0; i < raw.size(); ++i)
    if (activation[i] != 0)
      scales[i] = float(raw[i] / middle);
  return scales;
}

Result<AwqChoice> qopt::searchAwqScales(std::span<const double> activation,
                                        std::span<const double> weight,
                                        const AwqOptions &options,
                                        const ScaleLoss &loss) {
  AwqChoice best;
  best.scales.assign(activation.size(), 1);
  QOPT_ASSIGN(best.unscaledLoss, loss(best.scales));
  best.loss = best.unscaledLoss;
  // Without the weights, α = 0 is no scales.
  for (int step = weight.empty(); step <= options.grid; ++step) {
    const double alpha = double(step) / options.grid;
    std::vector<float> scales = awqScales(activation, weight, alpha);
    QOPT_ASSIGN(const double tried, loss(scales));
    if (tried < best.loss) {
      best.loss = tried;
      best.alpha = alpha;
      best.scales = std::move(scales);
    }
  }
  return best;
}

MatrixRounder qopt::groupedRounder(const GroupedScheme &scheme) {
  return
      [scheme](const ComputeContext &context, MutableMatrix weights) -> Status {
        QOPT_ASSIGN(GroupedMatrix codes, rtnQuantize(context, weights, scheme));
        context.pool.parallelFor(weights.rows, [&](int64_t row) {
          codes.dequantizeRow(row, weights.row(row));
        });
        return {};
      };
}

MatrixRounder qopt::ggufRounder(const FormatRow &format) {
  return [&format](const ComputeContext &context,
                   MutableMatrix weights) -> Status {
    auto read = [&](int64_t first, MutableMatrix target) -> Status {
      for (int64_t row = 0; row < target.rows; ++row)
        std::copy_n(weights.row(first + row), weights.columns, target.row(row));
      return {};
    };
    QOPT_ASSIGN(std::vector<uint8_t> blocks,
                encodeBlocks(format, weights.rows, weights.columns, read,
                             context.pool));
    const int64_t rowBytes = format.rowBytes(weights.columns);
    context.pool.parallelFor(weights.rows, [&](int64_t row) {
      format.decode(blocks.data() + row * rowBytes, weights.row(row),
                    weights.columns);
    });
    return {};
  };
}

Status qopt::roundScaled(const ComputeContext &context,
                         const MatrixRounder &round,
                         std::span<const float> scales, MutableMatrix weights) {
  context.pool.parallelFor(weights.rows, [&](int64_t row) {
    for (int64_t k = 0; k < weights.columns; ++k)
      weights(row, k) *= scales[k];
  });
  QOPT_CHECK(round(context, weights));
  context.pool.parallelFor(weights.rows, [&](int64_t row) {
    for (int64_t k = 0; k < weights.columns; ++k)
      weights(row, k) /= scales[k];
  });
  return {};
}

std::vector<double> qopt::relativeMagnitudes(ConstMatrix weights,
                                             int64_t groupLength) {
  std::vector<double> sums(weights.columns);
  for (int64_t row = 0; row < weights.rows; ++row)
    for (int64_t begin = 0; begin < weights.columns; begin += groupLength) {
      const int64_t end = std::min(weights.columns, begin + groupLength);
      float largest = 0;
      for (int64_t k = begin; k < end; ++k)
        largest = std::max(largest, std::fabs(weights(row, k)));
      for (int64_t k = begin; k < end && largest > 0; ++k)
        sums[k] += std::fabs(weights(row, k)) / largest;
    }
  for (double &sum : sums)
    sum /= double(weights.rows);
  return sums;
}
