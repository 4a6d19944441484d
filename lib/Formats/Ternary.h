//===- Ternary.h - weights of -1, 0 and 1 --------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// TQ1_0 and TQ2_0: w_hat = d (q - 1), d = max|w|, q = round(w / d) + 1, half
// away from zero.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_TERNARY_H
#define QOPT_LIB_FORMATS_TERNARY_H

#include "Codec.h"

namespace {

/// Finds the codes 0, 1 and 2 of a block and returns d. Where 1 / d overflows,
/// every weight has code 1. Fetches the next blocks.
template <int count>
Floats encodeTernary(const BlockInput &input, Ints *codes) {
  const Floats *w = input.weights;
  Floats d = 0.0f;
  for (int i = 0; i < count; ++i)
    d = select(d > absolute(w[i]), d, absolute(w[i]));
  Floats reciprocal = reciprocalOrZero(d);
  for (int i = 0; i < count; ++i) {
    input.ahead.fetch(lanes);
    Floats quotient = __builtin_elementwise_round(w[i] * reciprocal);
    codes[i] = 1 + select(quotient == -1.0f, Ints(-1),
                          select(quotient == 1.0f, Ints(1), Ints(0)));
  }
  return d;
}

} // namespace

#endif // QOPT_LIB_FORMATS_TERNARY_H
