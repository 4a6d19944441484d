//===- RtnQuantize.cpp - weights to the nearest codes --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   tensor<NxKxf16>  ->  !qopt.quant<NxKxf16, #qopt.grouped<…>>
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Numerics/Rtn.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_RTNQUANTIZE
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

class RtnQuantizePass : public qopt::impl::RtnQuantizeBase<RtnQuantizePass> {
public:
  using RtnQuantizeBase::RtnQuantizeBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), quantize())))
      signalPassFailure();
  }

private:
  Status quantize() {
    auto services = getQuantizationContext(getOperation());
    GroupedScheme scheme{int(bits), group, symmetric};
    QOPT_CHECK(checkScheme(scheme));
    auto nearest = [&](const WeightSource &source) -> Result<WeightBytes> {
      QOPT_ASSIGN(std::vector<float> weights, source.readAll());
      QOPT_ASSIGN(GroupedMatrix matrix,
                  rtnQuantize(services->compute(),
                              {weights.data(), source.rows(), source.columns()},
                              scheme));
      return groupedBytes(matrix);
    };
    QOPT_ASSIGN(quantizedWeights,
                quantizeEachWeight(getOperation(), head,
                                   GroupedAttr::get(&getContext(), scheme),
                                   archivePath(archive, *services), *services,
                                   nearest));
    return {};
  }
};

} // namespace
