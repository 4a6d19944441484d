//===- VectorBuilder.cpp - what emitters of CPU kernels share -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "VectorBuilder.h"

using namespace mlir;
using namespace qopt::cpu;

void VectorBuilder::loop(Value first, Value end, int64_t step, Values &carried,
                         llvm::function_ref<void(Value, Values &)> body) {
  auto loop = scf::ForOp::create(
      b, first, end, index(step), carried,
      [&](OpBuilder &, Location, Value i, ValueRange arguments) {
        Values inside(arguments);
        body(i, inside);
        scf::YieldOp::create(b, inside);
      });
  carried.assign(loop.getResults().begin(), loop.getResults().end());
}

void VectorBuilder::loop(Value first, Value end, int64_t step,
                         llvm::function_ref<void(Value)> body) {
  Values none;
  loop(first, end, step, none, [&](Value i, Values &) { body(i); });
}
