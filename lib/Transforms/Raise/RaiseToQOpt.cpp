//===- RaiseToQOpt.cpp - linears out of other front ends -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   %wt = linalg.transpose ins(%w) …
//   %y = linalg.matmul ins(%x, %wt) outs(%zeros)
//   %z = linalg.generic … %y + %bias
//
// becomes
//
//   %w = ml_program.global_load_const @weight
//   %z = qopt.linear %x, %w, %bias
//
//===----------------------------------------------------------------------===//
#include "RaiseContraction.h"
#include "RaiseInputs.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace qopt {
#define GEN_PASS_DEF_RAISETOQOPT
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {
struct RaiseToQOptPass : qopt::impl::RaiseToQOptBase<RaiseToQOptPass> {
  using RaiseToQOptBase::RaiseToQOptBase;

  void runOnOperation() override {
    WeightGlobals globals(getOperation());
    // What is erased with one contraction never is another.
    SmallVector<Operation *> contractions;
    getOperation().walk([&](Operation *op) {
      if (matchContraction(op))
        contractions.push_back(op);
    });
    SmallVector<LinearOp> linears;
    for (Operation *op : contractions) {
      Location location = op->getLoc();
      Result<LinearOp> linear =
          raiseContraction(*matchContraction(op), globals);
      if (linear)
        linears.push_back(*linear);
      else
        emitRemark(location, "not raised: ") << linear.error().message;
    }
    for (LinearOp linear : linears)
      exposeCasts(linear);
    for (LinearOp linear : linears)
      foldBias(linear);
    for (Value input : inputsOf(linears))
      raisedInputs += raiseInput(input, globals);
    raisedLinears += linears.size();
  }
};
} // namespace
