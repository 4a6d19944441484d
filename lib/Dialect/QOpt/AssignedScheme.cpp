//===- AssignedScheme.cpp - what a float weight is going to be ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;
using namespace qopt;

bool qopt::hasAssignment(Operation *global) {
  return global->hasAttr(QOptDialect::kScheme);
}

SchemeAttrInterface qopt::assignedScheme(Operation *global) {
  return dyn_cast_or_null<SchemeAttrInterface>(
      global->getAttr(QOptDialect::kScheme));
}

std::optional<GgufType> qopt::assignedGgufType(Operation *global) {
  Attribute assigned = global->getAttr(QOptDialect::kScheme);
  if (auto gguf = dyn_cast_or_null<GgufAttr>(assigned))
    return gguf.getFormat();
  auto type = dyn_cast_or_null<TypeAttr>(assigned);
  if (!type)
    return std::nullopt;
  if (type.getValue().isF32())
    return GgufType::F32;
  return type.getValue().isBF16() ? GgufType::BF16 : GgufType::F16;
}

Attribute qopt::ggufAssignment(MLIRContext *context, GgufType type) {
  switch (type) {
  case GgufType::F32:
    return TypeAttr::get(Float32Type::get(context));
  case GgufType::F16:
    return TypeAttr::get(Float16Type::get(context));
  case GgufType::BF16:
    return TypeAttr::get(BFloat16Type::get(context));
  default:
    return GgufAttr::get(context, type);
  }
}
