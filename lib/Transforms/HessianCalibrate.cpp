//===- HessianCalibrate.cpp - statistics of linear inputs, saved ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/StatsProvider.h"

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
    if (stats.empty())
      return usageError("hessian-calibrate: name the file to write with "
                        "stats=PATH");
    auto services = getQuantizationContext(getOperation());
    std::vector<std::string> inputs = {text};
    for (NamedAttribute attribute : getOperation()->getAttrs())
      attribute.getValue().walk([&](FileAttr file) {
        inputs.push_back(services->files().resolve(file.getPath()));
      });
    QOPT_CHECK(checkOutputIsNoInput(stats, inputs));
    QOPT_ASSIGN(QuantizationPlan plan, planQuantization(getOperation(), head));
    if (!plan.structure.entry)
      return badInput("the module has no llm.entry, so there is nothing that "
                      "could be run on a text");
    Interpreter interpreter(getOperation(), services);
    // Nothing is quantized on the way: one run of a block measures all of it.
    CalibrationOptions options{text, samples, ctx, /*stats=*/"",
                               /*sequential=*/false};
    QOPT_ASSIGN(std::unique_ptr<StatsProvider> provider,
                makeStatsProvider(plan, interpreter, options));
    return writeStats(plan, *provider, stats, services->progress());
  }
};
} // namespace
