//===- Grid.h - the numbers a group can represent ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_GRID_H
#define QOPT_NUMERICS_GRID_H

#include "qopt/Formats/Grouped.h"
#include "qopt/Formats/Half.h"
#include "qopt/Numerics/MatrixView.h"
#include "qopt/Support/Error.h"
#include "qopt/Support/Isa.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

namespace qopt {

/// Scale and zero point of one group: ŵ = scale · (code − zero).
struct GroupGrid {
  uint16_t scaleBits = 1; // f16
  int zero = 0;

  float scale() const { return f16ToF32(scaleBits); }
  /// The nearest code, ties to even: clamp(round(w / s) + z, 0, maxCode).
  int encode(float weight, int maxCode) const {
    float code = std::nearbyint(weight / scale()) + float(zero);
    return int(std::clamp(code, 0.f, float(maxCode)));
  }
  float decode(int code) const { return scale() * float(code - zero); }
};

/// How the grid of a group is chosen.
struct GridOptions {
  /// Search 80 smaller ranges, from 100 % down to 21 %, for the smallest
  /// Σ |w − ŵ|^2.4, as GPTQ's code does.
  bool mse = false;
};

/// The grid of a group of finite weights:
///   asymmetric  s = f16((max(0, max w) − min(0, min w)) / (2^b − 1)),
///               z = round(−min(0, min w) / s)
///   symmetric   s = f16(2 · max |w| / (2^b − 1)),  z = 2^(b−1)
/// A scale that rounds to zero becomes the smallest f16; one above the largest
/// f16 is BadInput.
Result<GroupGrid> findGrid(std::span<const float> weights,
                           const GroupedScheme &scheme,
                           const GridOptions &options = {});

/// The grid with the smallest Σ importance · (w − ŵ)², of ranges whose ends are
/// each 100 % down to 60 % of where the group ends. Errors as for findGrid.
Result<GroupGrid> findWeightedGrid(Isa isa, std::span<const float> weights,
                                   std::span<const float> importance,
                                   const GroupedScheme &scheme);

/// Any rule that chooses the grid of a group, findGrid or another: the codes
/// of a scheme can land on a foreign grid. The zero point must lie in
/// [0, 2^b − 1] and be 2^(b−1) if the scheme is symmetric.
using GridFinder = std::function<Result<GroupGrid>(std::span<const float>)>;

/// BadInput naming row, column and value of the first weight that is NaN or
/// infinite.
Status checkFinite(ConstMatrix weights);
/// Usage error unless bits are 2 to 8 and the group size is −1 or positive.
Status checkScheme(const GroupedScheme &scheme);

} // namespace qopt

#endif // QOPT_NUMERICS_GRID_H
