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
    QOPT_ASSIGN(std::vector<SchemedWeight> weights,
                schemedWeights(getOperation(), head,
                               GroupedAttr::get(&getContext(), scheme),
                               llvm::IsaPred<GroupedAttr>));
    auto nearest = [&](ml_program::GlobalOp, const WeightSource &source,
                       SchemeAttrInterface scheme) -> Result<WeightBytes> {
      QOPT_ASSIGN(std::vector<float> weights, source.readAll());
      QOPT_ASSIGN(GroupedMatrix matrix,
                  rtnQuantize(services->compute(),
                              {weights.data(), source.rows(), source.columns()},
                              cast<GroupedAttr>(scheme).getScheme()));
      return groupedBytes(matrix);
    };
    quantizedWeights += weights.size();
    return quantizeEachWeight(getOperation(), weights,
                              archivePath(archive, *services), *services,
                              nearest);
  }
};

} // namespace
