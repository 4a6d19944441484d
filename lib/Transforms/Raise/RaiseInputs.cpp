//===- RaiseInputs.cpp - norms and gates in front of linears -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "RaiseInputs.h"
#include "Expression.h"
#include "RaiseContraction.h"

#include "qopt/Dialect/LLM/LLMOps.h"

using namespace mlir;
using namespace qopt;

static bool isF32Matrix(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() == 2 && type.getElementType().isF32();
}

/// The op that computes `value`, if what stands in for it can be put there:
/// operands of a formula always dominate its result.
static Value replacement(ImplicitLocOpBuilder &b, Value value,
                         WeightGlobals &globals) {
  if (auto norm = matchRmsNorm(value);
      norm && isF32Matrix(norm->input) &&
      norm->input.getType() == value.getType()) {
    auto traced = traceWeight(norm->weight);
    Value weight = traced ? globals.loadVector(b, *traced) : Value();
    if (!weight)
      return {};
    return llm::RmsNormOp::create(b, value.getType(), norm->input, weight,
                                  b.getF32FloatAttr(norm->eps), FloatAttr());
  }
  if (auto gated = matchGated(value);
      gated && isF32Matrix(gated->gate) &&
      gated->gate.getType() == value.getType() &&
      gated->up.getType() == value.getType())
    return llm::GatedOp::create(
        b, value.getType(), gated->gate, gated->up,
        llm::ActivationAttr::get(b.getContext(), llm::Activation::Silu));
  return {};
}

void qopt::raiseInput(LinearOp linear, WeightGlobals &globals) {
  Value input = linear.getInput();
  Operation *op = input.getDefiningOp();
  if (!op || !isF32Matrix(input) ||
      isa_and_nonnull<QOptDialect, llm::LLMDialect>(op->getDialect()))
    return;
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Value raised = replacement(b, input, globals);
  if (!raised)
    return;
  input.replaceAllUsesWith(raised);
  eraseDead(op);
}
