//===- QOptDialect.cpp - the quantization dialect ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Dialect/QOpt/ChosenAlpha.h"
#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Formats/Mix.h"

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
  attachElementwiseScales(*getContext());
}

/// The extern reference inside a global's value, looking through views.
static ExternAttr findExtern(Attribute value) {
  if (auto view = dyn_cast_or_null<ViewAttr>(value))
    value = view.getBase();
  return dyn_cast_or_null<ExternAttr>(value);
}

/// `qopt.sources` maps names to files, and every reference of a global names
/// one of them.
static LogicalResult verifySources(Operation *op, NamedAttribute attribute) {
  auto sources = dyn_cast<DictionaryAttr>(attribute.getValue());
  if (!sources || !isa<ModuleOp>(op))
    return op->emitOpError() << "'" << QOptDialect::kSources
                             << "' must be a dictionary on a module";
  for (NamedAttribute source : sources)
    if (!isa<FileAttr>(source.getValue()))
      return op->emitOpError() << "source '" << source.getName().getValue()
                               << "' must be a #qopt.file";
  for (auto global : cast<ModuleOp>(op).getOps<ml_program::GlobalOp>()) {
    ExternAttr reference = findExtern(global.getValueAttr());
    if (reference && !sources.contains(reference.getSource()))
      return global.emitOpError()
             << "refers to source '" << reference.getSource() << "', which '"
             << QOptDialect::kSources << "' lacks";
  }
  return success();
}

/// `qopt.scheme` belongs to a matrix that the scheme can hold.
static LogicalResult verifyScheme(Operation *op, Attribute assigned) {
  auto global = dyn_cast<ml_program::GlobalOp>(op);
  auto type = global ? dyn_cast<ShapedType>(global.getType()) : ShapedType();
  if (!type || !type.hasStaticShape() || type.getRank() != 2)
    return op->emitOpError() << "'" << QOptDialect::kScheme
                             << "' must be on a global that is a matrix";
  if (auto scheme = dyn_cast<SchemeAttrInterface>(assigned))
    return scheme.verifyShape([&] { return op->emitOpError(); },
                              type.getDimSize(0), type.getDimSize(1));
  auto stored = dyn_cast<TypeAttr>(assigned);
  if (!stored || !(stored.getValue().isF32() || stored.getValue().isF16() ||
                   stored.getValue().isBF16()))
    return op->emitOpError() << "'" << QOptDialect::kScheme
                             << "' must be a scheme, f32, f16 or bf16";
  return success();
}

LogicalResult QOptDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() == kSources)
    return verifySources(op, attribute);
  if (attribute.getName() == kScheme)
    return verifyScheme(op, attribute.getValue());
  if (attribute.getName() == kMix) {
    auto name = dyn_cast<StringAttr>(attribute.getValue());
    if (isa<ModuleOp>(op) && name && findMix(name.getValue()))
      return success();
    return op->emitOpError()
           << "'" << kMix << "' must be the name of a mix, on a module";
  }
  if (attribute.getName() == kRecipe || attribute.getName() == kQuality) {
    if (isa<ModuleOp>(op) && isa<DictionaryAttr>(attribute.getValue()))
      return success();
    return op->emitOpError() << "'" << attribute.getName().getValue()
                             << "' must be a dictionary on a module";
  }
  if (attribute.getName() == kAlpha) {
    if (isa<ml_program::GlobalOp>(op) && isa<FloatAttr>(attribute.getValue()))
      return success();
    return op->emitOpError()
           << "'" << kAlpha << "' must be a float on a global";
  }
  return op->emitOpError() << "has an unknown attribute '"
                           << attribute.getName().getValue() << "'";
}
