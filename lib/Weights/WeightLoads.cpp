//===- WeightLoads.cpp - where a weight is read ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Weights/WeightLoads.h"

using namespace mlir;
using namespace qopt;

void qopt::retypeLoads(ModuleOp module, ml_program::GlobalOp global) {
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    // Names of another table mean something else.
    if (op != module && op->hasTrait<OpTrait::SymbolTable>())
      return WalkResult::skip();
    auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op);
    if (load && load.getGlobal().getLeafReference() == global.getSymNameAttr())
      load.getResult().setType(global.getType());
    return WalkResult::advance();
  });
}

DenseSet<StringAttr> qopt::referencedSymbols(ModuleOp module) {
  DenseSet<StringAttr> names;
  auto add = [&](SymbolRefAttr reference) {
    names.insert(reference.getRootReference());
    names.insert(reference.getLeafReference());
  };
  module.walk([&](Operation *op) {
    op->getAttrDictionary().walk(add);
    // Of an op that is not registered, they are not among the attributes.
    if (Attribute properties = op->getPropertiesAsAttribute())
      properties.walk(add);
  });
  return names;
}
