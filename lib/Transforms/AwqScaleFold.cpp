//===- AwqScaleFold.cpp - scales that protect what large inputs meet -----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   norm g, linears W  ->  norm g / s, linears W · diag(s)
//
// as lazy views: nothing is quantized and nothing is written here.
//
//===----------------------------------------------------------------------===//
#include "AwqSearch.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/ChosenAlpha.h"
#include "qopt/Transforms/Passes.h"

#include <iomanip>

namespace qopt {
#define GEN_PASS_DEF_AWQSCALEFOLD
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

class AwqScaleFoldPass : public qopt::impl::AwqScaleFoldBase<AwqScaleFoldPass> {
public:
  using AwqScaleFoldBase::AwqScaleFoldBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), search())))
      signalPassFailure();
  }

private:
  Status search();
  Status searchBlock(const PlannedBlock &planned, const WeightReads &reads,
                     StatsProvider &provider, Interpreter &interpreter);

  // Of this run; statistics of passes may be compiled out.
  double alphas = 0; // their sum
  int64_t scaled = 0, clipped = 0;
};

} // namespace

Status AwqScaleFoldPass::search() {
  auto services = getQuantizationContext(getOperation());
  alphas = scaled = clipped = 0;
  QOPT_CHECK(checkScheme({int(bits), group, symmetric}));
  if (grid < 1)
    return usageError("awq-scale-fold: grid must be at least 1, not ",
                      int64_t(grid));
  QOPT_ASSIGN(QuantizationPlan plan, planQuantization(getOperation(), head));
  auto scheme = GroupedAttr::get(&getContext(), {int(bits), group, symmetric});
  plan.filter([&](ml_program::GlobalOp global) {
    return schemeFor(global, scheme) != nullptr;
  });
  if (plan.weightCount() == 0)
    return {};
  Interpreter interpreter(getOperation(), services);
  // Nothing is quantized on the way: one run of a block measures all of it.
  CalibrationOptions calibration{text, samples, ctx, stats,
                                 /*sequential=*/false};
  QOPT_ASSIGN(std::unique_ptr<StatsProvider> provider,
              makeStatsProvider(plan, interpreter, calibration));
  WeightReads reads(getOperation());
  const std::vector<const PlannedBlock *> blocks = plan.measuredBlocks();
  services->progress().begin("searching scales", blocks.size());
  for (const PlannedBlock *planned : blocks) {
    QOPT_CHECK(searchBlock(*planned, reads, *provider, interpreter));
    services->progress().advance();
  }
  services->progress().end();
  scaledInputs += scaled;
  clippedWeights += clipped;
  services->progress().note(
      str("scaled ", scaled, " inputs of linears, mean α ", std::fixed,
          std::setprecision(2), alphas / std::max<double>(1, scaled),
          "; clipped ", clipped, " weights"));
  return {};
}

/// For reports and readers.
static void note(const ScaleFold &fold, double alpha) {
  for (const FoldedWeight *folded : fold.consumers())
    folded->weight->setAttr(
        kAlpha, Builder(folded->weight->getContext()).getF64FloatAttr(alpha));
}

Status AwqScaleFoldPass::searchBlock(const PlannedBlock &planned,
                                     const WeightReads &reads,
                                     StatsProvider &provider,
                                     Interpreter &interpreter) {
  AwqSearch awq(planned, provider, interpreter,
                GroupedAttr::get(&getContext(), {int(bits), group, symmetric}));
  QOPT_CHECK(awq.measure());
  ScaleFolds found = findScaleFolds(planned.function, reads);
  for (const RefusedFold &refused : found.refused)
    emitRemark(LinearOp(refused.linear).getLoc(), "its input is not scaled: ")
        << refused.reason;
  std::vector<std::pair<const ScaleFold *, AwqChoice>> chosen;
  for (const ScaleFold &fold : found.folds) {
    if (interpreter.services().progress().stopped())
      return makeError(ErrorKind::Interrupted, "stopped");
    QOPT_ASSIGN(std::optional<AwqChoice> choice,
                awq.choose(fold, {int(grid), duo}));
    if (choice)
      note(fold, choice->alpha);
    if (choice && choice->loss < choice->unscaledLoss)
      chosen.emplace_back(&fold, std::move(*choice));
  }
  for (auto &[fold, choice] : chosen) {
    QOPT_CHECK(awq.fold(*fold, choice));
    alphas += choice.alpha;
    ++scaled;
  }
  if (clip)
    for (const WeightGroup &group : planned.groups) {
      QOPT_ASSIGN(int64_t count, awq.clip(group));
      clipped += count;
    }
  return provider.finishBlock(planned);
}
