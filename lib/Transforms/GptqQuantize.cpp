//===- GptqQuantize.cpp - weights to codes, errors compensated -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   tensor<NxKxf16>  ->  !qopt.quant<NxKxf16, #qopt.grouped<…>>
//
// Blocks in order; inside a block, groups of weights that read the same value;
// each group is measured, factored once, and its weights quantized. What later
// groups see is already quantized (unless sequential=false).
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Formats/GroupedBlocks.h"
#include "qopt/Numerics/Gptq.h"
#include "qopt/Support/Stopwatch.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/StatsProvider.h"

#include <iomanip>
#include <map>

namespace qopt {
#define GEN_PASS_DEF_GPTQQUANTIZE
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

Tensor dequantize(const GroupedMatrix &matrix) {
  Tensor numbers(matrix.rows, matrix.columns);
  for (int64_t row = 0; row < matrix.rows; ++row)
    matrix.dequantizeRow(row, numbers.mutableMatrix().row(row));
  return numbers;
}

class GptqQuantizePass : public qopt::impl::GptqQuantizeBase<GptqQuantizePass> {
public:
  using GptqQuantizeBase::GptqQuantizeBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), quantize())))
      signalPassFailure();
  }

private:
  Status quantize();
  Status quantizeBlock(const PlannedBlock &planned, StatsProvider &provider,
                       QuantizationContext &services, WeightSink &sink);
  Status quantizeGroup(const WeightGroup &weights,
                       const HessianStatistics &statistics,
                       StatsProvider &provider, QuantizationContext &services,
                       WeightSink &sink);
  Result<GptqFactor> factorFor(const WeightGroup &weights,
                               const HessianStatistics &statistics,
                               const GroupedScheme &scheme,
                               QuantizationContext &services);

  GroupedScheme scheme() const { return {int(bits), group, symmetric}; }
  std::optional<GroupedScheme> gridOf(ml_program::GlobalOp global);
  GptqOptions options;
  Stopwatch measuring, factoring, compensating;
};

} // namespace

Status GptqQuantizePass::quantize() {
  auto services = getQuantizationContext(getOperation());
  QOPT_CHECK(checkScheme(scheme()));
  std::optional<GptqOrder> parsedOrder = parseGptqOrder(order);
  if (!parsedOrder)
    return usageError("gptq-quantize: order is none, act or group, not '",
                      order.getValue(), "'");
  if (block < 1 || !(damp >= 0))
    return usageError("gptq-quantize: block must be at least 1 and damp must "
                      "not be negative");
  options.damp = damp;
  options.block = block;
  options.order = *parsedOrder;
  options.mse = mse;

  QOPT_ASSIGN(QuantizationPlan plan, planQuantization(getOperation(), head));
  plan.filter(
      [&](ml_program::GlobalOp global) { return gridOf(global).has_value(); });
  if (plan.weightCount() == 0)
    return {};
  std::vector<SchemedWeight> weights;
  plan.forEachWeight([&](ml_program::GlobalOp global) {
    weights.push_back(
        {global, GroupedAttr::get(&getContext(), *gridOf(global))});
  });
  QOPT_ASSIGN(WeightSink sink,
              createSink(getOperation(), weights,
                         archivePath(archive, *services), *services));
  Interpreter interpreter(getOperation(), services);
  CalibrationOptions calibration{text, samples, ctx, stats, sequential};
  QOPT_ASSIGN(std::unique_ptr<StatsProvider> provider,
              makeStatsProvider(plan, interpreter, calibration));

  services->progress().begin("quantizing weights", plan.weightCount());
  for (const PlannedBlock &planned : plan.blocks)
    QOPT_CHECK(quantizeBlock(planned, *provider, *services, sink));
  if (!plan.tail.groups.empty())
    QOPT_CHECK(quantizeBlock(plan.tail, *provider, *services, sink));
  services->progress().end();
  services->progress().note(str(std::fixed, std::setprecision(1),
                                measuring.seconds(), " s measuring inputs, ",
                                factoring.seconds(), " s factoring H, ",
                                compensating.seconds(), " s in the columns"));
  return sink.finish(services->files());
}

/// The grid of a weight; nothing if the pass leaves it alone.
std::optional<GroupedScheme>
GptqQuantizePass::gridOf(ml_program::GlobalOp global) {
  SchemeAttrInterface wanted =
      schemeFor(global, GroupedAttr::get(&getContext(), scheme()));
  if (auto grouped = dyn_cast_or_null<GroupedAttr>(wanted))
    return grouped.getScheme();
  auto gguf = dyn_cast_or_null<GgufAttr>(wanted);
  return gguf ? groupedGridOf(gguf.getFormat()) : std::nullopt;
}

Status GptqQuantizePass::quantizeBlock(const PlannedBlock &planned,
                                       StatsProvider &provider,
                                       QuantizationContext &services,
                                       WeightSink &sink) {
  for (const WeightGroup &weights : planned.groups) {
    if (interrupted())
      return makeError(ErrorKind::Interrupted, "stopped");
    QOPT_ASSIGN(HessianStatistics statistics, measuring.measure([&] {
      return provider.statistics(planned, weights);
    }));
    QOPT_CHECK(quantizeGroup(weights, statistics, provider, services, sink));
  }
  return measuring.measure([&] { return provider.finishBlock(planned); });
}

Result<GptqFactor> GptqQuantizePass::factorFor(
    const WeightGroup &weights, const HessianStatistics &statistics,
    const GroupedScheme &scheme, QuantizationContext &services) {
  QOPT_ASSIGN(GptqFactor factor, factoring.measure([&] {
    return gptqFactor(services.compute(), statistics.hessian, weights.columns(),
                      scheme, options);
  }));
  if (factor.dampingRaised > 0) {
    raisedDampings += factor.dampingRaised;
    services.progress().note(
        str("@", weights.name(), ": damping raised tenfold ",
            factor.dampingRaised, " times until H could be factored"));
  }
  return factor;
}

Status GptqQuantizePass::quantizeGroup(const WeightGroup &weights,
                                       const HessianStatistics &statistics,
                                       StatsProvider &provider,
                                       QuantizationContext &services,
                                       WeightSink &sink) {
  // The order of columns depends on the group size, and on nothing else of a
  // scheme.
  std::map<int64_t, GptqFactor> factors;
  for (ml_program::GlobalOp global : weights.weights) {
    GroupedScheme scheme = *gridOf(global);
    auto factor = factors.find(scheme.groupSize);
    if (factor == factors.end()) {
      QOPT_ASSIGN(GptqFactor made,
                  factorFor(weights, statistics, scheme, services));
      factor = factors.emplace(scheme.groupSize, std::move(made)).first;
    }
    QOPT_ASSIGN(WeightSource source,
                WeightSource::open(global, services.files()));
    QOPT_ASSIGN(std::vector<float> values, source.readAll());
    auto result = gptqQuantize(services.compute(),
                               {values.data(), source.rows(), source.columns()},
                               factor->second, scheme, options);
    if (!result)
      return makeError(result.error().kind, "@", global.getSymName().str(),
                       ": ", result.error().message);
    QOPT_CHECK(sink.store(global, groupedBytes(result->matrix)));
    QOPT_CHECK(provider.replaced(global, dequantize(result->matrix)));
    ++quantizedWeights;
    services.progress().advance();
  }
  return {};
}
