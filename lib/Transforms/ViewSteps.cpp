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
                       Attribute step, Type type) {
  MLIRContext *context = module.getContext();
  Attribute base = weight.getValueAttr();
  auto of = cast<ShapedType>(weight.getType());
  SmallVector<Attribute> steps;
  if (auto view = dyn_cast<ViewAttr>(base)) {
    base = view.getBase();
    of = view.getOf();
    llvm::append_range(steps, view.getSteps());
  }
  steps.push_back(step);
  if (!type)
    type = RankedTensorType::get(cast<ShapedType>(weight.getType()).getShape(),
                                 Float32Type::get(context));
  setWeight(module, weight,
            ViewAttr::get(context, base, of, ArrayAttr::get(context, steps)),
            type);
}
