//===- FloatCasts.cpp - conversions around linears as ops of arith --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "ElementwiseBody.h"
#include "RaiseContraction.h"

using namespace mlir;
using namespace qopt;

/// If `op` is a linalg op that converts floats one by one, the op of arith that
/// does the same takes its place; what stands there then is returned.
static Operation *asArith(Operation *op) {
  auto generic = dyn_cast<linalg::LinalgOp>(op);
  if (!generic || !generic.hasPureTensorSemantics() ||
      generic.getNumDpsInputs() != 1 || generic.getNumDpsInits() != 1 ||
      !llvm::all_equal(generic.getIndexingMapsArray()) ||
      !generic.getIndexingMapsArray()[0].isPermutation())
    return op;
  Value yielded = yieldedValue(generic);
  Operation *cast = yielded ? yielded.getDefiningOp() : nullptr;
  if (!cast || !changesPrecision(cast) ||
      cast->getOperand(0) != generic.getBlock()->getArgument(0))
    return op;
  OpBuilder b(op);
  Operation *arith = b.create(op->getLoc(), cast->getName().getIdentifier(),
                              generic.getDpsInputs()[0], op->getResultTypes(),
                              cast->getAttrs());
  op->replaceAllUsesWith(arith);
  eraseDead(op);
  return arith;
}

static bool passes(Operation *op) {
  return regroupsRows(op) || changesPrecision(op);
}

void qopt::exposeCasts(LinearOp linear) {
  Value input = linear.getInput();
  while (Operation *op = input.getDefiningOp()) {
    op = asArith(op);
    if (!passes(op))
      break;
    input = op->getOperand(0);
  }
  SmallVector<Value> outputs = {linear.getOutput()};
  while (!outputs.empty()) {
    SmallVector<Operation *> users(outputs.pop_back_val().getUsers());
    for (Operation *user : users) {
      user = asArith(user);
      if (passes(user) || isa<tensor::ExtractSliceOp>(user))
        outputs.push_back(user->getResult(0));
    }
  }
}
