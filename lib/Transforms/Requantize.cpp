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
#include "qopt/Interp/BlockRunner.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace qopt;

using Globals = llvm::SetVector<Operation *>;

/// Adds the globals whose quantized values linears of `function` multiply with.
static void addQuantizedWeights(func::FuncOp function, Globals &globals) {
  function.walk([&](LinearOp linear) {
    auto load =
        linear.getWeight().getDefiningOp<ml_program::GlobalLoadConstOp>();
    if (!load || !weightScheme(cast<ShapedType>(load.getType())))
      return;
    if (auto global =
            SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(
                load, load.getGlobalAttr()))
      globals.insert(global);
  });
}

static void viewAsFloat(ml_program::GlobalOp global, ModuleOp module) {
  auto stored = cast<ShapedType>(global.getType());
  auto type = RankedTensorType::get(stored.getShape(), stored.getElementType());
  MLIRContext *context = module.getContext();
  global.setValueAttr(ViewAttr::get(context, global.getValueAttr(), stored,
                                    ArrayAttr::get(context, {})));
  global.setType(type);
  if (auto uses = SymbolTable::getSymbolUses(global, module))
    for (SymbolTable::SymbolUse use : *uses)
      if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(use.getUser()))
        load.getResult().setType(type);
}

Status qopt::prepareRequantization(ModuleOp module, bool includeHead,
                                   bool allow) {
  QOPT_ASSIGN(BlockStructure structure, BlockStructure::find(module));
  Globals globals;
  for (func::FuncOp block : structure.blocks)
    addQuantizedWeights(block, globals);
  if (includeHead && structure.entry)
    addQuantizedWeights(structure.entry, globals);
  if (globals.empty())
    return {};
  if (!allow) {
    auto first = cast<ml_program::GlobalOp>(globals.front());
    return usageError(
        "@", first.getSymName().str(), " is quantized already (",
        weightScheme(cast<ShapedType>(first.getType())).mnemonicName(),
        "), and quantizing it again adds the errors of both; "
        "start from the float model, or give "
        "--allow-requantize");
  }
  for (Operation *global : globals)
    viewAsFloat(cast<ml_program::GlobalOp>(global), module);
  return {};
}
