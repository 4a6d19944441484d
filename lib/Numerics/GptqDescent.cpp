//===- GptqDescent.cpp - better codes than GPTQ finds ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GptqDescent.h"
#include "RowQuantizer.h"

#include <algorithm>

using namespace qopt;
using namespace qopt::detail;

/// A group as a block: ŵ = s q − s z, or s (q − 2^(b−1)).
static BlockGrid gridOf(const GroupedScheme &scheme, int64_t groupLength) {
  BlockGrid grid{};
  grid.elements = grid.subElements = int(groupLength);
  grid.levels = {1, 1};
  grid.minimumLevels = {0, scheme.symmetric ? 0 : scheme.maxCode()};
  grid.points = scheme.maxCode() + 1;
  grid.firstPoint = scheme.symmetric ? -scheme.symmetricZero() : 0;
  return grid;
}

Result<GptqDescent> GptqDescent::create(const ComputeContext &context,
                                        std::span<const double> hessian,
                                        int64_t columns, int64_t groupLength,
                                        double damping) {
  QOPT_ASSIGN(GptqBlocksFactor factor,
              GptqBlocksFactor::createForDescent(
                  context, hessian, columns, gridOf({}, groupLength), damping));
  return GptqDescent(std::move(factor));
}

double GptqDescent::run(const ComputeContext &context, ConstMatrix weights,
                        std::span<const uint8_t> dead, GroupedMatrix &matrix,
                        int rounds) const {
  std::vector<float> alive;
  if (std::ranges::find(dead, 1) != dead.end()) {
    alive.resize(weights.rows * weights.columns);
    for (int64_t row = 0; row < weights.rows; ++row)
      for (int64_t k = 0; k < weights.columns; ++k)
        alive[row * weights.columns + k] = dead[k] ? 0 : weights(row, k);
    weights = {alive.data(), weights.rows, weights.columns};
  }
  const GptqBlocksFactor::State &state = *factor;
  const BlockGrid grid =
      gridOf(matrix.scheme, matrix.scheme.groupLength(matrix.columns));
  PanelFormat format{nullptr,
                     grid,
                     kernelsFor(context.isa),
                     state.visit,
                     state.importance,
                     /*points=*/{},
                     /*zeroPoints=*/true};
  return quantizeRows(context, state, format, weights, [&](RowQuantizer &rows) {
    rows.readGroups(matrix);
    rows.beginDescent();
    // Later rounds look closer: there a scale is nearly right.
    float stride = 1;
    for (int round = 0; round < rounds; ++round, stride /= 2)
      rows.descend(stride);
    rows.writeGroups(matrix);
  });
}
