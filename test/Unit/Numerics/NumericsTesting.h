//===- NumericsTesting.h - inputs of the numerics tests ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_NUMERICS_NUMERICSTESTING_H
#define QOPT_TEST_NUMERICS_NUMERICSTESTING_H

#include "Support/SupportedIsas.h"
#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/MatrixView.h"
#include "qopt/Numerics/Random.h"

#include <vector>

namespace qopt::testing {

/// Uniform in [-1, 1).
inline std::vector<float> randomValues(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float &value : values)
    value = float(2 * random.uniform() - 1);
  return values;
}

using test::supportedIsas;

/// H = 2/n Σ x xᵀ of correlated inputs [samples, columns], by definition.
inline std::vector<double> naiveHessian(const std::vector<float> &x,
                                        int64_t columns) {
  const int64_t samples = x.size() / columns;
  std::vector<double> h(columns * columns);
  for (int64_t s = 0; s < samples; ++s)
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = 0; j < columns; ++j)
        h[i * columns + j] +=
            2. / double(samples) * x[s * columns + i] * x[s * columns + j];
  return h;
}

/// Inputs whose channels are correlated and of different sizes.
inline std::vector<float> correlatedInputs(int64_t samples, int64_t columns,
                                           uint64_t seed) {
  std::vector<float> x = randomValues(samples * columns, seed);
  std::vector<float> size = randomValues(columns, seed + 1);
  for (int64_t s = 0; s < samples; ++s)
    for (int64_t k = 0; k < columns; ++k) {
      if (k > 0)
        x[s * columns + k] += 0.6f * x[s * columns + k - 1];
    }
  for (int64_t s = 0; s < samples; ++s)
    for (int64_t k = 0; k < columns; ++k)
      x[s * columns + k] *= 0.3f + size[k] * size[k];
  return x;
}

} // namespace qopt::testing

#endif // QOPT_TEST_NUMERICS_NUMERICSTESTING_H
