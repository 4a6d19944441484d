//===- ViewSteps.cpp - weights become views of weights --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "ViewSteps.h"
#include "PassSupport.h"

using namespace mlir;
using namespace qopt;

void qopt::addViewStep(ModuleOp module, ml_program::GlobalOp weight,
                       Attribute step) {
  MLIRContext *context = module.getContext();
  auto type = cast<ShapedType>(weight.getType());
  Attribute base = weight.getValueAttr();
  ShapedType of = type;
  SmallVector<Attribute> steps;
  if (auto view = dyn_cast<ViewAttr>(base)) {
    base = view.getBase();
    of = view.getOf();
    llvm::append_range(steps, view.getSteps());
  }
  steps.push_back(step);
  setWeight(module, weight,
            ViewAttr::get(context, base, of, ArrayAttr::get(context, steps)),
            RankedTensorType::get(type.getShape(), Float32Type::get(context)));
}
