//===- PassSupport.cpp - what the weight-rewriting passes share ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Dialect/QOpt/QOptAttrs.h"
#include "qopt/Weights/DiagnosticKind.h"
#include "qopt/Weights/WeightLoads.h"

#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace qopt;

/// Where a message belongs: at the weight that it begins with, or that is the
/// tensor of a file that it names, or else at the module.
static Location placeOf(StringRef message, Operation *module) {
  for (auto global : module->getRegion(0).getOps<ml_program::GlobalOp>()) {
    bool meant = message.starts_with(str("@", global.getSymName().str(), ":"));
    if (Attribute value = global.getValueAttr())
      value.walk([&](ExternAttr tensor) {
        meant |= message.contains(str("'", tensor.getTensor().str(), "'"));
      });
    if (meant)
      return global.getLoc();
  }
  return module->getLoc();
}

LogicalResult qopt::emitStatus(Operation *module, const Status &status) {
  if (status)
    return success();
  // Not module->emitError(): its note would print the whole module.
  InFlightDiagnostic diagnostic =
      emitError(placeOf(status.error().message, module));
  diagnostic << status.error().message;
  setErrorKind(*diagnostic.getUnderlyingDiagnostic(), status.error().kind);
  return diagnostic;
}

std::string qopt::archivePath(const std::string &option,
                              const QuantizationContext &services) {
  return option.empty() ? services.options().archivePath : option;
}

void qopt::setWeight(ModuleOp module, ml_program::GlobalOp global,
                     Attribute value, Type type) {
  global.setValueAttr(value);
  global.setType(type);
  retypeLoads(module, global);
}

SchemeAttrInterface qopt::schemeFor(ml_program::GlobalOp global,
                                    SchemeAttrInterface scheme) {
  return hasAssignment(global) ? assignedScheme(global) : scheme;
}

Result<std::vector<SchemedWeight>>
qopt::schemedWeights(ModuleOp module, bool includeHead,
                     SchemeAttrInterface scheme,
                     llvm::function_ref<bool(SchemeAttrInterface)> takes) {
  QOPT_ASSIGN(QuantizationPlan plan, planQuantization(module, includeHead));
  std::vector<SchemedWeight> weights;
  DenseSet<Operation *> known;
  auto add = [&](ml_program::GlobalOp global, SchemeAttrInterface scheme) {
    if (known.insert(global).second && scheme && takes(scheme))
      weights.push_back({global, scheme});
  };
  plan.forEachWeight([&](ml_program::GlobalOp global) {
    add(global, schemeFor(global, scheme));
  });
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (isa<RankedTensorType>(global.getType()))
      add(global, assignedScheme(global));
  return weights;
}

Result<WeightSink> qopt::createSink(ModuleOp module,
                                    ArrayRef<SchemedWeight> weights,
                                    StringRef archive,
                                    QuantizationContext &services) {
  std::vector<PlannedWeight> planned;
  for (auto [weight, scheme] : weights) {
    ml_program::GlobalOp global = weight;
    auto type = cast<RankedTensorType>(global.getType());
    auto quantized = QuantType::getChecked([&] { return global.emitError(); },
                                           module.getContext(), type.getShape(),
                                           type.getElementType(), scheme);
    if (!quantized)
      return badInput("@", global.getSymName().str(),
                      " cannot be quantized to this scheme");
    QOPT_ASSIGN(WeightSource source,
                WeightSource::open(global, services.files()));
    planned.push_back({global, quantized, source.isInline()});
  }
  return WeightSink::create(module, std::move(planned), archive,
                            services.files());
}

Status qopt::quantizeEachWeight(
    ModuleOp module, ArrayRef<SchemedWeight> weights, StringRef archive,
    QuantizationContext &services,
    llvm::function_ref<Result<WeightBytes>(
        ml_program::GlobalOp, const WeightSource &, SchemeAttrInterface)>
        quantize) {
  if (weights.empty())
    return {};
  QOPT_ASSIGN(WeightSink sink, createSink(module, weights, archive, services));
  services.progress().begin("quantizing weights", weights.size());
  for (auto [weight, scheme] : weights) {
    ml_program::GlobalOp global = weight;
    if (services.progress().stopped())
      return makeError(ErrorKind::Interrupted, "stopped");
    QOPT_ASSIGN(WeightSource source,
                WeightSource::open(global, services.files()));
    Result<WeightBytes> bytes = quantize(global, source, scheme);
    if (!bytes)
      return makeError(bytes.error().kind, "@", global.getSymName().str(), ": ",
                       bytes.error().message);
    QOPT_CHECK(sink.store(global, std::move(*bytes)));
    services.progress().advance();
  }
  services.progress().end();
  return sink.finish(services.files());
}
