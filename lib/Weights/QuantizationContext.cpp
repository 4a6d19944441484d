//===- QuantizationContext.cpp - the services that passes use ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Weights/QuantizationContext.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"

#include "mlir/IR/DialectInterface.h"

#include <filesystem>

using namespace mlir;
using namespace qopt;

namespace {
/// Carries the services inside the loaded qopt dialect of a context.
class ServicesInterface : public DialectInterface::Base<ServicesInterface> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ServicesInterface)
  ServicesInterface(Dialect *dialect,
                    std::shared_ptr<QuantizationContext> services)
      : Base(dialect), services(std::move(services)) {}
  std::shared_ptr<QuantizationContext> services;
};

/// Gives every qopt dialect that is loaded the services.
class ServicesExtension
    : public DialectExtension<ServicesExtension, QOptDialect> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(ServicesExtension)
  explicit ServicesExtension(std::shared_ptr<QuantizationContext> services)
      : services(std::move(services)) {}
  void apply(MLIRContext *, QOptDialect *dialect) const final {
    dialect->addInterface(
        std::make_unique<ServicesInterface>(dialect, services));
  }

private:
  std::shared_ptr<QuantizationContext> services;
};
} // namespace

QuantizationContext::QuantizationContext(Options options)
    : settings(std::move(options)),
      reporter(settings.progress ? settings.progress : &silent),
      pool(settings.threads), sourceFiles(settings.baseDirectory) {}

void qopt::attachQuantizationContext(
    DialectRegistry &registry, std::shared_ptr<QuantizationContext> services) {
  registry.addExtension(
      TypeID::get<ServicesExtension>(),
      std::make_unique<ServicesExtension>(std::move(services)));
}

void qopt::attachQuantizationContext(
    MLIRContext &context, std::shared_ptr<QuantizationContext> services) {
  DialectRegistry registry;
  registry.insert<QOptDialect>();
  attachQuantizationContext(registry, std::move(services));
  context.appendDialectRegistry(registry);
}

std::shared_ptr<QuantizationContext>
qopt::getQuantizationContext(ModuleOp module) {
  if (auto *dialect = module.getContext()->getLoadedDialect<QOptDialect>())
    if (auto *attached = dialect->getRegisteredInterface<ServicesInterface>())
      return attached->services;
  QuantizationContext::Options options;
  if (auto location = dyn_cast<FileLineColLoc>(module.getLoc())) {
    std::string parent =
        std::filesystem::path(location.getFilename().str()).parent_path();
    if (!parent.empty())
      options.baseDirectory = parent;
  }
  return std::make_shared<QuantizationContext>(options);
}
