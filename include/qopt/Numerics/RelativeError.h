//===- RelativeError.h - how far numbers are from others --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_RELATIVEERROR_H
#define QOPT_NUMERICS_RELATIVEERROR_H

#include <cmath>
#include <span>

namespace qopt {

/// ‖a − b‖ / ‖a‖ of numbers that come in pieces, summed in f64 in the order in
/// which they come.
class RelativeError {
public:
  /// Pieces of equal length.
  void add(std::span<const float> a, std::span<const float> b) {
    for (size_t i = 0; i < a.size(); ++i) {
      double difference = double(a[i]) - double(b[i]);
      error += difference * difference;
      norm += double(a[i]) * double(a[i]);
    }
  }
  /// 0 if all of a is 0.
  double value() const { return norm > 0 ? std::sqrt(error / norm) : 0; }

private:
  double error = 0, norm = 0;
};

} // namespace qopt

#endif // QOPT_NUMERICS_RELATIVEERROR_H
