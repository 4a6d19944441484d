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

Status quantizeWeight(ml_program::GlobalOp global, const GroupedScheme &scheme,
                      QuantizationContext &services, WeightSink &sink) {
  QOPT_ASSIGN(WeightSource source,
              WeightSource::open(global, services.files()));
  QOPT_ASSIGN(std::vector<float> weights, source.readAll());
  auto matrix =
      rtnQuantize(services.compute(),
                  {weights.data(), source.rows(), source.columns()}, scheme);
  if (!matrix)
    return makeError(matrix.error().kind, "@", global.getSymName().str(), ": ",
                     matrix.error().message);
  return sink.store(global, groupedBytes(*matrix));
}

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
    QOPT_ASSIGN(QuantizationPlan plan, planQuantization(getOperation(), head));
    QOPT_ASSIGN(WeightSink sink,
                createSink(getOperation(), plan,
                           GroupedAttr::get(&getContext(), scheme),
                           archivePath(archive, *services), *services));
    services->progress().begin("quantizing weights", plan.weightCount());
    Status status;
    plan.forEachWeight([&](ml_program::GlobalOp global) {
      if (status && interrupted())
        status = makeError(ErrorKind::Interrupted, "stopped");
      if (status)
        status = quantizeWeight(global, scheme, *services, sink);
      services->progress().advance();
      ++quantizedWeights;
    });
    services->progress().end();
    QOPT_CHECK(std::move(status));
    return sink.finish(services->files());
  }
};

} // namespace
