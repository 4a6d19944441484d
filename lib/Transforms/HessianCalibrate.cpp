//===- HessianCalibrate.cpp - statistics of linear inputs, saved ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/Transforms/Importance.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/StatsProvider.h"

#include <filesystem>

namespace qopt {
#define GEN_PASS_DEF_HESSIANCALIBRATE
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {
class HessianCalibratePass
    : public qopt::impl::HessianCalibrateBase<HessianCalibratePass> {
public:
  using HessianCalibrateBase::HessianCalibrateBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(emitStatus(getOperation(), calibrate())))
      signalPassFailure();
  }

private:
  Status calibrate() {
    if (stats.empty() && imatrix.empty())
      return usageError("hessian-calibrate: name the file to write with "
                        "stats=PATH or imatrix=PATH");
    auto services = getQuantizationContext(getOperation());
    std::vector<std::string> inputs = {text};
    for (NamedAttribute attribute : getOperation()->getAttrs())
      attribute.getValue().walk([&](FileAttr file) {
        inputs.push_back(services->files().resolve(file.getPath()));
      });
    for (const std::string &output : {stats.getValue(), imatrix.getValue()})
      QOPT_CHECK(checkOutputIsNoInput(output, inputs));
    QOPT_ASSIGN(QuantizationPlan plan, planQuantization(getOperation(), head));
    if (!plan.structure.entry)
      return badInput("the module has no llm.entry, so there is nothing that "
                      "could be run on a text");
    Interpreter interpreter(getOperation(), services);
    // Nothing is quantized on the way: one run of a block measures all of it.
    CalibrationOptions options{text,
                               samples,
                               ctx,
                               /*stats=*/"",
                               /*sequential=*/false,
                               /*products=*/!stats.empty()};
    QOPT_ASSIGN(std::unique_ptr<StatsProvider> provider,
                makeStatsProvider(plan, interpreter, options));
    StatsWriter writer(plan, stats);
    ImportanceMatrix importance;
    int64_t tokens = 0;
    QOPT_CHECK(measureGroups(
        plan, *provider, services->progress(),
        [&](const WeightGroup &group, const HessianStatistics &statistics) {
          record(group, statistics, importance);
          ++measuredInputs;
          tokens = std::max(tokens, statistics.samples); // experts see fewer
          return stats.empty() ? Status() : writer.add(group, statistics);
        }));
    if (!stats.empty())
      QOPT_CHECK(writer.finish());
    if (imatrix.empty())
      return {};
    importance.chunks = provider->sampleCount();
    importance.chunkSize = tokens / provider->sampleCount();
    if (!text.empty())
      importance.datasets = {std::filesystem::path(text.getValue()).filename()};
    return importance.write(imatrix, /*overwrite=*/true);
  }

  static void record(const WeightGroup &group,
                     const HessianStatistics &statistics,
                     ImportanceMatrix &importance) {
    for (ml_program::GlobalOp weight : group.weights) {
      TensorPlace place = tensorPlace(weight);
      importance.setMatrix(place.tensor, place.matrix, place.matrices,
                           statistics.sumSquares, statistics.samples);
    }
  }
};
} // namespace
