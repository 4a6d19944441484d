//===- PrintScaleFolds.cpp - which scales of linear inputs fold away -----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/ScaleFolds.h"

namespace qopt {
#define GEN_PASS_DEF_PRINTSCALEFOLDS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {
class PrintScaleFoldsPass
    : public qopt::impl::PrintScaleFoldsBase<PrintScaleFoldsPass> {
  void runOnOperation() override {
    markAllAnalysesPreserved();
    WeightReads reads(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      ScaleFolds found = findScaleFolds(function, reads);
      for (const ScaleFold &fold : found.folds)
        emitRemark(LinearOp(fold.linear).getLoc(), fold.describe());
      for (const RefusedFold &refused : found.refused)
        emitRemark(LinearOp(refused.linear).getLoc(),
                   "its input cannot be scaled: ")
            << refused.reason;
      folds += found.folds.size();
      refusals += found.refused.size();
    }
  }
};
} // namespace
