//===- GptqGroup.cpp - GPTQ on weights that share their input -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GptqGroup.h"

#include "qopt/Numerics/Gptaq.h"

using namespace mlir;
using namespace qopt;

static int raisesOf(const GptqFactor &factor) { return factor.dampingRaised; }
static int raisesOf(const GptqBlocksFactor &factor) {
  return factor.dampingRaised();
}

template <typename Factor, typename Make>
Result<Factor> GptqGroup::factored(Make make) {
  QOPT_ASSIGN(Factor factor, times.factoring.measure(make));
  if (const int raises = raisesOf(factor)) {
    raised += raises;
    services.progress().note(str("@", name, ": damping raised tenfold ", raises,
                                 " times until H could be factored"));
  }
  return factor;
}

/// Makes the weights those that give the outputs of the float model.
void GptqGroup::shift(MutableMatrix matrix, const InverseFactor &inverse) {
  if (!statistics.cross.empty())
    times.compensating.measure([&] {
      shiftTarget(compute(), matrix, statistics.cross, inverse, settings.gptaq);
    });
}

/// The order of columns depends on the group size, and on nothing else of a
/// scheme.
Result<WeightBytes> GptqGroup::quantizeGrouped(MutableMatrix matrix,
                                               const GroupedScheme &scheme) {
  GptqOptions options = settings.grouped;
  if (statistics.samples == 0) // H = I: rounding to nearest
    options.rounds = 0;
  auto factor = grouped.find(scheme.groupSize);
  if (factor == grouped.end()) {
    QOPT_ASSIGN(GptqFactor made, factored<GptqFactor>([&] {
                  return gptqFactor(compute(), statistics.hessian,
                                    matrix.columns, scheme, options);
                }));
    factor = grouped.emplace(scheme.groupSize, std::move(made)).first;
  }
  shift(matrix, factor->second.inverse());
  QOPT_ASSIGN(GptqResult result, times.compensating.measure([&] {
    return gptqQuantize(compute(), matrix, factor->second, scheme, options);
  }));
  return groupedBytes(result.matrix);
}

Result<WeightBytes> GptqGroup::quantizeBlocks(MutableMatrix matrix,
                                              const FormatRow &format) {
  const BlockGrid &grid = *findBlockGrid(format.type);
  const std::pair sizes(grid.elements, grid.subElements);
  auto factor = blocks.find(sizes);
  if (factor == blocks.end()) {
    QOPT_ASSIGN(GptqBlocksFactor made, factored<GptqBlocksFactor>([&] {
                  return GptqBlocksFactor::create(compute(), statistics.hessian,
                                                  matrix.columns, grid,
                                                  settings.blocks);
                }));
    factor = blocks.emplace(sizes, std::move(made)).first;
  }
  shift(matrix, factor->second.inverse());
  QOPT_ASSIGN(GptqBlocksResult result, times.compensating.measure([&] {
    return gptqQuantizeBlocks(compute(), matrix, factor->second, format,
                              settings.blocks);
  }));
  return WeightBytes{std::move(result.blocks)};
}

Result<WeightBytes> GptqGroup::quantize(const WeightSource &source,
                                        SchemeAttrInterface scheme) {
  QOPT_ASSIGN(std::vector<float> values, source.readAll());
  MutableMatrix matrix(values.data(), source.rows(), source.columns());
  QOPT_CHECK(checkFinite(matrix)); // while a wrong number is in one place
  if (auto gguf = dyn_cast<GgufAttr>(scheme))
    return quantizeBlocks(matrix, gguf.getRow());
  return quantizeGrouped(matrix, cast<GroupedAttr>(scheme).getScheme());
}
