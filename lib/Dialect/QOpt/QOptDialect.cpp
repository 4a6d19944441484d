//===- QOptDialect.cpp - the quantization dialect ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

using namespace mlir;
using namespace qopt;

#include "qopt/Dialect/QOpt/QOptDialect.cpp.inc"

void QOptDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "qopt/Dialect/QOpt/QOptOps.cpp.inc"
      >();
}

/// The extern reference inside a global's value, looking through views.
static ExternAttr findExtern(Attribute value) {
  if (auto view = dyn_cast_or_null<ViewAttr>(value))
    value = view.getBase();
  return dyn_cast_or_null<ExternAttr>(value);
}

/// `qopt.sources` maps names to files, and every reference of a global names
/// one of them.
LogicalResult QOptDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() != kSources)
    return op->emitOpError() << "has an unknown attribute '"
                             << attribute.getName().getValue() << "'";
  auto sources = dyn_cast<DictionaryAttr>(attribute.getValue());
  if (!sources || !isa<ModuleOp>(op))
    return op->emitOpError()
           << "'" << kSources << "' must be a dictionary on a module";
  for (NamedAttribute source : sources)
    if (!isa<FileAttr>(source.getValue()))
      return op->emitOpError() << "source '" << source.getName().getValue()
                               << "' must be a #qopt.file";
  for (auto global : cast<ModuleOp>(op).getOps<ml_program::GlobalOp>()) {
    ExternAttr reference = findExtern(global.getValueAttr());
    if (reference && !sources.contains(reference.getSource()))
      return global.emitOpError()
             << "refers to source '" << reference.getSource() << "', which '"
             << kSources << "' lacks";
  }
  return success();
}
