//===- GgufQuantize.cpp - float weights as GGUF blocks
//-----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   tensor<NxKxf16>  ->  !qopt.quant<NxKxf16, #qopt.gguf<q8_0>>
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Numerics/GgufEncode.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_GGUFQUANTIZE
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

Status encodeWeight(ml_program::GlobalOp global, const FormatRow &format,
                    QuantizationContext &services, WeightSink &sink) {
  QOPT_ASSIGN(WeightSource source,
              WeightSource::open(global, services.files()));
  auto blocks = encodeBlocks(
      format, source.rows(), source.columns(),
      [&](int64_t first, MutableMatrix target) {
        return source.readRows(first, target);
      },
      services.compute().pool);
  if (!blocks)
    return makeError(blocks.error().kind, "@", global.getSymName().str(), ": ",
                     blocks.error().message);
  return sink.store(global, {std::move(*blocks)});
}

class GgufQuantizePass : public qopt::impl::GgufQuantizeBase<GgufQuantizePass> {
public:
  using GgufQuantizeBase::GgufQuantizeBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), quantize())))
      signalPassFailure();
  }

private:
  Status quantize() {
    const FormatRow *format = findFormat(std::string_view(type));
    if (!format || !format->quantized)
      return usageError("gguf-quantize: '", type.getValue(),
                        "' is not a quantized GGUF type");
    auto services = getQuantizationContext(getOperation());
    QOPT_ASSIGN(QuantizationPlan plan, planQuantization(getOperation(), head));
    QOPT_ASSIGN(WeightSink sink,
                createSink(getOperation(), plan,
                           GgufAttr::get(&getContext(), format->type),
                           archivePath(archive, *services), *services));
    services->progress().begin("encoding weights", plan.weightCount());
    Status status;
    plan.forEachWeight([&](ml_program::GlobalOp global) {
      if (status && interrupted())
        status = makeError(ErrorKind::Interrupted, "stopped");
      if (status)
        status = encodeWeight(global, *format, *services, sink);
      services->progress().advance();
      ++encodedWeights;
    });
    services->progress().end();
    QOPT_CHECK(std::move(status));
    return sink.finish(services->files());
  }
};

} // namespace
