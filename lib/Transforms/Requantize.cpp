//===- Requantize.cpp - quantizing what is quantized already --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     global @w(#qopt.extern<ckpt, "w">) : !qopt.packed<64x64xf16, …>
//  ─▶ global @w(#qopt.view<#qopt.extern<ckpt, "w"> of !qopt.packed<…>, []>)
//       : tensor<64x64xf16>
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/Requantize.h"
#include "PassSupport.h"

#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Dialect/QOpt/QOptTypes.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace qopt;

static void viewAsFloat(ml_program::GlobalOp global, ModuleOp module) {
  auto stored = cast<ShapedType>(global.getType());
  auto type = RankedTensorType::get(stored.getShape(), stored.getElementType());
  MLIRContext *context = module.getContext();
  Attribute value = global.getValueAttr();
  if (!isa<ViewAttr>(value))
    value = ViewAttr::get(context, value, stored, ArrayAttr::get(context, {}));
  setWeight(module, global, value, type);
}

Status qopt::prepareRequantization(ModuleOp module, bool allow) {
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    // A view can make a float weight of a quantized one.
    auto view = dyn_cast_or_null<ViewAttr>(global.getValueAttr());
    SchemeAttrInterface scheme =
        weightScheme(view ? Type(view.getOf()) : global.getType());
    if (!scheme || !hasAssignment(global))
      continue;
    const bool isFloat = !weightScheme(global.getType());
    if (!isFloat && scheme == assignedScheme(global)) {
      global->removeAttr(QOptDialect::kScheme);
      continue;
    }
    if (!allow)
      return usageError("@", global.getSymName().str(),
                        " is quantized already (", scheme.mnemonicName(),
                        "), and quantizing it again adds the errors of both; "
                        "start from the float model, or give "
                        "--allow-requantize");
    if (!isFloat)
      viewAsFloat(global, module);
  }
  return {};
}
