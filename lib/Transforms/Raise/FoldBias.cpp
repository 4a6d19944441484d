//===- FoldBias.cpp - added vectors become the bias of a linear ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "ElementwiseBody.h"
#include "RaiseContraction.h"

#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"

using namespace mlir;
using namespace qopt;

/// The last of a chain of reshapes, casts and roundings of a linear's output
/// that are only used by the next.
static Value lastOfRows(Value value) {
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (!regroupsRows(user) && !changesPrecision(user))
      break;
    value = user->getResult(0);
  }
  return value;
}

/// The vector that `op` adds to every row of `rows`, its operand.
static Value addedVector(Operation *op, Value rows) {
  auto other = [&](Value a, Value b) { return a == rows ? b : a; };
  if (auto add = dyn_cast<arith::AddFOp>(op))
    return traceRepeatedVector(other(add.getLhs(), add.getRhs()));
  if (auto add = dyn_cast<tosa::AddOp>(op)) {
    Value vector = other(add.getInput1(), add.getInput2());
    return isVector(vector) ? vector : Value();
  }
  auto generic = dyn_cast<linalg::LinalgOp>(op);
  if (!generic || !generic.hasPureTensorSemantics() ||
      generic.getNumDpsInputs() != 2 || generic.getNumDpsInits() != 1 ||
      generic.getNumReductionLoops() != 0)
    return {};
  Value yielded = yieldedValue(generic);
  auto sum = yielded ? operandsOf<arith::AddFOp>(yielded) : std::nullopt;
  if (!sum)
    return {};
  Value a = generic.getBlock()->getArgument(0),
        b = generic.getBlock()->getArgument(1);
  auto [first, second] = *sum;
  bool adds = (first == a && beforeWidening(second) == b) ||
              (second == a && beforeWidening(first) == b) ||
              (first == b && beforeWidening(second) == a) ||
              (second == b && beforeWidening(first) == a);
  unsigned rowsOperand = generic.getDpsInputs()[0] == rows ? 0 : 1;
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  AffineMap output = maps[2], vectorMap = maps[1 - rowsOperand];
  AffineMap rowsMap = withoutUnitConstants(
      maps[rowsOperand], output, cast<ShapedType>(rows.getType()).getShape());
  if (!adds || rowsMap != output || !output.isPermutation())
    return {};
  Value vector = generic.getDpsInputs()[1 - rowsOperand];
  if (vectorMap == output)
    return traceRepeatedVector(vector);
  bool alongRows = vectorMap.getNumResults() > 0 &&
                   vectorMap.getResults().back() == output.getResults().back();
  return alongRows && isVector(vector) ? vector : Value();
}

/// The vector as a 1-D value in front of the linear; null if it is computed
/// later.
static Value hoisted(Value vector, LinearOp linear) {
  ImplicitLocOpBuilder b(vector.getLoc(), linear);
  Operation *op = vector.getDefiningOp();
  bool isConstant =
      op && (op->hasTrait<OpTrait::ConstantLike>() ||
             isa<tosa::ConstOp, ml_program::GlobalLoadConstOp>(op));
  if (isConstant)
    vector = b.clone(*op)->getResult(0);
  else if (op && !(op->getBlock() == linear->getBlock() &&
                   op->isBeforeInBlock(linear)))
    return {};
  auto type = cast<RankedTensorType>(vector.getType());
  if (type.getRank() == 1)
    return vector;
  ReassociationIndices all =
      llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  return tensor::CollapseShapeOp::create(b, vector,
                                         ArrayRef<ReassociationIndices>{all});
}

void qopt::foldBias(LinearOp linear) {
  if (linear.getBias())
    return;
  Value rows = lastOfRows(linear.getOutput());
  auto rowsType = cast<RankedTensorType>(rows.getType());
  if (!rows.hasOneUse() || rowsType.getRank() < 2)
    return;
  Operation *add = *rows.user_begin();
  if (add->getNumResults() != 1 || add->getBlock() != linear->getBlock())
    return;
  Value vector = addedVector(add, rows);
  auto type = vector ? dyn_cast<RankedTensorType>(vector.getType())
                     : RankedTensorType();
  if (!type || type.getShape().back() != linear.getOutputSize() ||
      !isa<Float16Type, BFloat16Type, Float32Type>(type.getElementType()) ||
      add->getResult(0).getType() != rows.getType())
    return;
  Value bias = hoisted(vector, linear);
  if (!bias)
    return;
  linear.getBiasMutable().assign(bias);
  add->getResult(0).replaceAllUsesWith(rows);
  eraseDead(add);
}
