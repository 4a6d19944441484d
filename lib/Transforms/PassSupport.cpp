//===- PassSupport.cpp - what the weight-rewriting passes share ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

using namespace mlir;
using namespace qopt;

LogicalResult qopt::emitStatus(Operation *op, const Status &status) {
  if (status)
    return success();
  // Not op->emitError(): its note would print the whole module.
  return emitError(op->getLoc()) << status.error().message;
}

std::string qopt::archivePath(const std::string &option,
                              const QuantizationContext &services) {
  return option.empty() ? services.options().archivePath : option;
}

Result<WeightSink> qopt::createSink(ModuleOp module,
                                    const QuantizationPlan &plan,
                                    SchemeAttrInterface scheme,
                                    StringRef archive,
                                    QuantizationContext &services) {
  std::vector<PlannedWeight> weights;
  Status status;
  plan.forEachWeight([&](ml_program::GlobalOp global) {
    if (!status)
      return;
    auto type = cast<RankedTensorType>(global.getType());
    auto quantized = QuantType::getChecked([&] { return global.emitError(); },
                                           module.getContext(), type.getShape(),
                                           type.getElementType(), scheme);
    if (!quantized) {
      status = badInput("@", global.getSymName().str(),
                        " cannot be quantized to this scheme");
      return;
    }
    auto source = WeightSource::open(global, services.files());
    if (!source)
      status = tl::unexpected(source.error());
    else
      weights.push_back({global, quantized, source->isInline()});
  });
  QOPT_CHECK(std::move(status));
  return WeightSink::create(module, std::move(weights), archive,
                            services.files());
}

Result<int64_t> qopt::quantizeEachWeight(
    ModuleOp module, bool includeHead, SchemeAttrInterface scheme,
    StringRef archive, QuantizationContext &services,
    llvm::function_ref<Result<WeightBytes>(const WeightSource &)> quantize) {
  QOPT_ASSIGN(QuantizationPlan plan, planQuantization(module, includeHead));
  QOPT_ASSIGN(WeightSink sink,
              createSink(module, plan, scheme, archive, services));
  auto quantizeOne = [&](ml_program::GlobalOp global) -> Status {
    if (interrupted())
      return makeError(ErrorKind::Interrupted, "stopped");
    QOPT_ASSIGN(WeightSource source,
                WeightSource::open(global, services.files()));
    Result<WeightBytes> bytes = quantize(source);
    if (!bytes)
      return makeError(bytes.error().kind, "@", global.getSymName().str(), ": ",
                       bytes.error().message);
    return sink.store(global, std::move(*bytes));
  };
  services.progress().begin("quantizing weights", plan.weightCount());
  Status status;
  plan.forEachWeight([&](ml_program::GlobalOp global) {
    if (status)
      status = quantizeOne(global);
    services.progress().advance();
  });
  services.progress().end();
  QOPT_CHECK(std::move(status));
  QOPT_CHECK(sink.finish(services.files()));
  return plan.weightCount();
}
