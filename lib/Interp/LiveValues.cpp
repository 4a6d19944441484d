//===- LiveValues.cpp - what the rest of a block reads --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "LiveValues.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

using namespace mlir;

llvm::SetVector<mlir::Value> qopt::liveAcross(Operation *from) {
  llvm::SetVector<mlir::Value> live;
  Block &body = *from->getBlock();
  for (Operation &op : llvm::make_range(from->getIterator(), body.end()))
    for (mlir::Value operand : op.getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (producer && producer->isBeforeInBlock(from) &&
          !producer->hasTrait<OpTrait::ConstantLike>() &&
          !isa<ml_program::GlobalLoadConstOp>(producer))
        live.insert(operand);
    }
  return live;
}
