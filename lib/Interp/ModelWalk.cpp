//===- ModelWalk.cpp - through a model, linear by linear ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/ModelWalk.h"

using namespace mlir;
using namespace qopt;

Status ModelWalk::advance(LinearOp linear,
                          llvm::function_ref<Status(ConstMatrix)> use) {
  if (inTail()) {
    LinearObserver observer = [&](LinearOp seen, ConstMatrix input) {
      return seen == linear ? use(input) : Status();
    };
    return runner.runTail({observer, linear});
  }
  if (!block)
    block.emplace(runner);
  return block->advance(
      linear, [&](const Tensor &input) { return use(input.matrix()); });
}

Status ModelWalk::finishBlock(const RunOptions &options) {
  Status finished = block ? block->finish()
                          : runner.run(runner.position(), options,
                                       /*keepOutput=*/true);
  block.reset();
  return finished;
}
