//===- InjectOutliers.cpp - the same function with worse numbers ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   norm g, linears W  ->  norm g · f, linears W · diag(1/f)
//
// with f = 1 for most channels: what AWQ does, backwards and at random.
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Numerics/Random.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/ScaleFolds.h"

#include <cmath>

namespace qopt {
#define GEN_PASS_DEF_TESTINJECTOUTLIERS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {
class TestInjectOutliersPass
    : public qopt::impl::TestInjectOutliersBase<TestInjectOutliersPass> {
public:
  using TestInjectOutliersBase::TestInjectOutliersBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), inject())))
      signalPassFailure();
  }

private:
  Status inject() {
    auto services = getQuantizationContext(getOperation());
    if (channels < 1 || !(smallest > 0) || !(largest >= smallest))
      return usageError("test-inject-outliers: channels must be positive, and "
                        "smallest a positive factor up to largest");
    QOPT_ASSIGN(BlockStructure structure, BlockStructure::find(getOperation()));
    WeightReads reads(getOperation());
    Random random(seed);
    for (func::FuncOp function : structure.blocks)
      for (const ScaleFold &fold : findScaleFolds(function, reads).folds)
        QOPT_CHECK(applyScales(fold, draw(fold.scaleCount, random),
                               getOperation(), services->files()));
    return {};
  }

  /// 1/f for a few channels.
  std::vector<float> draw(int64_t count, Random &random) const {
    std::vector<float> scales(count, 1);
    for (int64_t i = 0; i < std::min<int64_t>(channels, count); ++i) {
      const int64_t place = int64_t(random.uniform() * double(count));
      scales[place] = float(
          1 / (smallest * std::pow(largest / smallest, random.uniform())));
    }
    return scales;
  }
};
} // namespace
