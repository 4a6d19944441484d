//===- GptqBlocks.cpp - GPTQ onto the grids of GGUF types -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/GptqBlocks.h"
#include "RowQuantizer.h"
#include "qopt/Numerics/Grid.h"

#include <cmath>

using namespace qopt;
using namespace qopt::detail;

Result<GptqBlocksResult>
qopt::gptqQuantizeBlocks(const ComputeContext &context, ConstMatrix weights,
                         const GptqBlocksFactor &factor, const FormatRow &row,
                         const GptqBlocksOptions &options) {
  const BlockGrid *grid = findBlockGrid(row.type);
  const GptqBlocksFactor::State &state = *factor;
  if (!grid || !factor.fits(*grid) || weights.columns != state.columns)
    return internalError("the factor was made for another shape than ",
                         row.ggmlName, " of ", weights.columns, " columns");
  QOPT_CHECK(checkFinite(weights));
  PanelFormat format{
      &row, *grid, kernelsFor(context.isa), state.visit, state.importance, {}};
  if (grid->pointTable)
    format.points.assign(grid->pointTable, grid->pointTable + grid->points);

  GptqBlocksResult result;
  result.blocks.resize(weights.rows * row.rowBytes(weights.columns));
  result.proxyLoss =
      quantizeRows(context, state, format, weights, [&](RowQuantizer &rows) {
        rows.compensate();
        rows.beginDescent();
        for (int round = 0; round < options.rounds; ++round)
          rows.descend();
        rows.pack(result.blocks.data());
      });
  if (!std::isfinite(result.proxyLoss))
    return badInput("the errors overflow: weights or inputs are too large");
  return result;
}

Result<GptqBlocksResult> qopt::quantizeTable(const ComputeContext &context,
                                             ConstMatrix table,
                                             const FormatRow &format,
                                             const GptqBlocksOptions &options) {
  const BlockGrid *grid = findBlockGrid(format.type);
  if (!grid || table.columns % grid->elements != 0 ||
      table.stride != table.columns)
    return internalError("a table of ", table.columns,
                         " columns has no blocks of ", format.ggmlName);
  QOPT_CHECK(checkFinite(table));
  // Blocks do not see each other: each is a row of a matrix of its own.
  const int64_t width = grid->elements;
  std::vector<double> identity(width * width);
  for (int64_t k = 0; k < width; ++k)
    identity[k * width + k] = 1;
  QOPT_ASSIGN(
      GptqBlocksFactor factor,
      GptqBlocksFactor::create(context, identity, width, *grid, options));
  return gptqQuantizeBlocks(
      context, {table.data, table.rows * (table.columns / width), width},
      factor, format, options);
}
