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
#include "FinishedWeights.h"
#include "GptqGroup.h"
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/StatsProvider.h"

#include <iomanip>

namespace qopt {
#define GEN_PASS_DEF_GPTQQUANTIZE
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

class GptqQuantizePass : public qopt::impl::GptqQuantizeBase<GptqQuantizePass> {
public:
  using GptqQuantizeBase::GptqQuantizeBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), quantize())))
      signalPassFailure();
  }

private:
  Status quantize();
  std::vector<SchemedWeight> tables(const QuantizationPlan &plan);
  Status quantizeTables(ArrayRef<SchemedWeight> tables,
                        Interpreter &interpreter, QuantizationContext &services,
                        WeightSink &sink);
  Status quantizeBlock(const PlannedBlock &planned, StatsProvider &provider,
                       QuantizationContext &services, WeightSink &sink);
  Status quantizeGroup(const WeightGroup &weights,
                       const HessianStatistics &statistics,
                       StatsProvider &provider, QuantizationContext &services,
                       WeightSink &sink);
  Status measureAndQuantize(const PlannedBlock &planned,
                            StatsProvider &provider,
                            QuantizationContext &services, WeightSink &sink);
  Status restoreBlock(const PlannedBlock &planned, const RunStep &finished,
                      StatsProvider &provider, QuantizationContext &services,
                      WeightSink &sink);
  Status store(ml_program::GlobalOp global, WeightBytes bytes,
               StatsProvider &provider, QuantizationContext &services,
               WeightSink &sink);

  GroupedScheme scheme() const { return {int(bits), group, symmetric}; }
  SchemeAttrInterface gridOf(ml_program::GlobalOp global);
  GptqSettings settings;
  RunStep results; // of the block that is being worked on, if they are kept
  GptqTimes times;
};

} // namespace

Status GptqQuantizePass::quantize() {
  auto services = getQuantizationContext(getOperation());
  QOPT_CHECK(checkScheme(scheme()));
  std::optional<GptqOrder> parsedOrder = parseGptqOrder(order);
  if (!parsedOrder)
    return usageError("gptq-quantize: order is none, act or group, not '",
                      order.getValue(), "'");
  if (!(gptaq >= 0 && gptaq <= 1))
    return usageError("gptq-quantize: gptaq must be from 0 to 1");
  if (block < 1 || !(damp >= 0) || rounds < 0)
    return usageError("gptq-quantize: block must be at least 1, and damp and "
                      "rounds must not be negative");
  settings.grouped = {.damp = damp,
                      .block = block,
                      .order = *parsedOrder,
                      .mse = mse,
                      .staticGroups = staticGroups,
                      .rounds = int(rounds),
                      .gridFinder = {}};
  settings.blocks = {.damp = damp, .rounds = int(rounds)};
  settings.gptaq = gptaq;

  // The linears outside of blocks, if they are wanted or have an assignment.
  QOPT_ASSIGN(QuantizationPlan plan, planQuantization(getOperation(), true));
  DenseSet<Operation *> unwanted;
  for (const WeightGroup &group : plan.tail.groups)
    for (ml_program::GlobalOp global : group.weights)
      if (!head && !hasAssignment(global))
        unwanted.insert(global);
  plan.filter([&](ml_program::GlobalOp global) {
    return !unwanted.contains(global) && gridOf(global);
  });
  std::vector<SchemedWeight> weights = tables(plan);
  const size_t tableCount = weights.size();
  if (plan.weightCount() + int64_t(tableCount) == 0)
    return {};
  plan.forEachWeight([&](ml_program::GlobalOp global) {
    weights.push_back({global, gridOf(global)});
  });
  QOPT_ASSIGN(WeightSink sink,
              createSink(getOperation(), weights,
                         archivePath(archive, *services), *services));
  Interpreter interpreter(getOperation(), services);
  QOPT_CHECK(quantizeTables(ArrayRef(weights).take_front(tableCount),
                            interpreter, *services, sink));
  if (plan.weightCount() == 0)
    return sink.finish(services->files());
  CalibrationOptions calibration{text, samples, ctx, stats, sequential};
  calibration.original = gptaq > 0; // saved statistics have no such moments
  QOPT_ASSIGN(std::unique_ptr<StatsProvider> provider,
              makeStatsProvider(plan, interpreter, calibration));

  services->progress().begin("quantizing weights", plan.weightCount());
  for (const PlannedBlock *planned : plan.measuredBlocks())
    QOPT_CHECK(quantizeBlock(*planned, *provider, *services, sink));
  services->progress().end();
  services->progress().note(str(
      std::fixed, std::setprecision(1), times.measuring.seconds(),
      " s measuring inputs, ", times.factoring.seconds(), " s factoring H, ",
      times.compensating.seconds(), " s in the columns"));
  return sink.finish(services->files());
}

/// Weights outside of linears that are to have a grid: tables of embeddings.
std::vector<SchemedWeight>
GptqQuantizePass::tables(const QuantizationPlan &plan) {
  DenseSet<Operation *> planned;
  plan.forEachWeight(
      [&](ml_program::GlobalOp global) { planned.insert(global); });
  std::vector<SchemedWeight> found;
  for (auto global : getOperation().getOps<ml_program::GlobalOp>()) {
    auto scheme = dyn_cast_or_null<GgufAttr>(assignedScheme(global));
    if (scheme && findBlockGrid(scheme.getFormat()) &&
        isa<RankedTensorType>(global.getType()) && !planned.contains(global))
      found.push_back({global, scheme});
  }
  return found;
}

/// Before anything is measured, so that what follows is measured behind them.
Status GptqQuantizePass::quantizeTables(ArrayRef<SchemedWeight> tables,
                                        Interpreter &interpreter,
                                        QuantizationContext &services,
                                        WeightSink &sink) {
  for (auto [weight, scheme] : tables) {
    ml_program::GlobalOp global = weight;
    if (services.progress().stopped())
      return makeError(ErrorKind::Interrupted, "stopped");
    QOPT_ASSIGN(WeightSource source,
                WeightSource::open(global, services.files()));
    QOPT_ASSIGN(std::vector<float> values, source.readAll());
    const FormatRow &format = cast<GgufAttr>(scheme).getRow();
    auto result = quantizeTable(
        services.compute(), {values.data(), source.rows(), source.columns()},
        format, settings.blocks);
    if (!result)
      return makeError(result.error().kind, "@", global.getSymName().str(),
                       ": ", result.error().message);
    Tensor numbers(source.rows(), source.columns());
    format.decode(result->blocks.data(), numbers.mutableMatrix().data,
                  source.rows() * source.columns());
    QOPT_CHECK(sink.store(global, {std::move(result->blocks)}));
    QOPT_CHECK(
        interpreter.weights().replace(global.getSymName(), std::move(numbers)));
    ++quantizedWeights;
  }
  return {};
}

/// What a weight becomes; null if the pass leaves it alone.
SchemeAttrInterface GptqQuantizePass::gridOf(ml_program::GlobalOp global) {
  SchemeAttrInterface wanted =
      schemeFor(global, GroupedAttr::get(&getContext(), scheme()));
  auto gguf = dyn_cast_or_null<GgufAttr>(wanted);
  if (gguf ? findBlockGrid(gguf.getFormat()) != nullptr
           : isa_and_nonnull<GroupedAttr>(wanted))
    return wanted;
  return nullptr;
}

/// Hands a quantized weight to everybody who needs it.
Status GptqQuantizePass::store(ml_program::GlobalOp global, WeightBytes bytes,
                               StatsProvider &provider,
                               QuantizationContext &services,
                               WeightSink &sink) {
  SchemeAttrInterface scheme = gridOf(global);
  auto type = cast<ShapedType>(global.getType());
  if (services.runState())
    keepWeight(results, global, scheme, bytes);
  QOPT_CHECK(provider.replaced(global, numbersOf(scheme, type.getDimSize(0),
                                                 type.getDimSize(1), bytes)));
  QOPT_CHECK(sink.store(global, std::move(bytes)));
  ++quantizedWeights;
  services.progress().advance();
  return {};
}

/// Takes the weights of a block that an earlier process has quantized.
Status GptqQuantizePass::restoreBlock(const PlannedBlock &planned,
                                      const RunStep &finished,
                                      StatsProvider &provider,
                                      QuantizationContext &services,
                                      WeightSink &sink) {
  for (const WeightGroup &group : planned.groups)
    for (ml_program::GlobalOp global : group.weights) {
      QOPT_ASSIGN(WeightBytes bytes,
                  keptWeight(finished, global, gridOf(global)));
      QOPT_CHECK(store(global, std::move(bytes), provider, services, sink));
    }
  return {};
}

Status GptqQuantizePass::quantizeBlock(const PlannedBlock &planned,
                                       StatsProvider &provider,
                                       QuantizationContext &services,
                                       WeightSink &sink) {
  RunState *state = services.runState();
  std::string step =
      "gptq-" + func::FuncOp(planned.function).getSymName().str();
  std::optional<RunStep> finished;
  if (state) {
    QOPT_ASSIGN(finished, state->find(step));
  }
  results = {};
  if (finished) {
    QOPT_CHECK(restoreBlock(planned, *finished, provider, services, sink));
  } else {
    QOPT_CHECK(measureAndQuantize(planned, provider, services, sink));
    if (state)
      QOPT_CHECK(state->commit(step, results));
  }
  return times.measuring.measure([&] { return provider.finishBlock(planned); });
}

Status GptqQuantizePass::measureAndQuantize(const PlannedBlock &planned,
                                            StatsProvider &provider,
                                            QuantizationContext &services,
                                            WeightSink &sink) {
  for (const WeightGroup &weights : planned.groups) {
    // A block that is going to be kept is worth finishing.
    bool kept = services.runState() && &weights != &planned.groups.front();
    if (services.progress().stopped() && !kept)
      return makeError(ErrorKind::Interrupted, "stopped");
    QOPT_ASSIGN(HessianStatistics statistics, times.measuring.measure([&] {
      return provider.statistics(planned, weights);
    }));
    if (llvm::all_of(statistics.sumSquares, [](double x) { return x == 0; }) &&
        statistics.hessian.front() == 0) {
      emitWarning(LinearOp(weights.firstLinear).getLoc(),
                  "no calibration sample reaches the inputs of @")
          << weights.name() << ": rounding to nearest";
      statistics = HessianStatistics::identity(weights.columns());
    }
    QOPT_CHECK(quantizeGroup(weights, statistics, provider, services, sink));
  }
  return {};
}

Status GptqQuantizePass::quantizeGroup(const WeightGroup &weights,
                                       const HessianStatistics &statistics,
                                       StatsProvider &provider,
                                       QuantizationContext &services,
                                       WeightSink &sink) {
  GptqGroup group(weights.name(), statistics, settings, services, times);
  for (ml_program::GlobalOp global : weights.weights) {
    QOPT_ASSIGN(WeightSource source,
                WeightSource::open(global, services.files()));
    Result<WeightBytes> result = group.quantize(source, gridOf(global));
    if (!result)
      return makeError(result.error().kind, "@", global.getSymName().str(),
                       ": ", result.error().message);
    QOPT_CHECK(store(global, std::move(*result), provider, services, sink));
  }
  raisedDampings += group.raisedDampings();
  return {};
}
