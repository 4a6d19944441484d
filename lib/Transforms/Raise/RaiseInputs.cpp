//===- RaiseInputs.cpp - norms and gates in front of linears -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "RaiseInputs.h"
#include "MatchInputs.h"
#include "RaiseContraction.h"

#include "qopt/Support/Error.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace qopt;

using Kind = Expression::Kind;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// What stands before reshapes and casts that keep the rows.
static Value beforeReshapes(Value value) {
  auto keeps = [](auto groups) {
    return !groups.empty() && groups.back().size() == 1;
  };
  while (Operation *op = value.getDefiningOp()) {
    bool same = isa<tensor::CastOp>(op);
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      same = keeps(expand.getReassociationIndices());
    else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
      same = keeps(collapse.getReassociationIndices());
    if (!same || !isa<RankedTensorType>(op->getOperand(0).getType()))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// All dimensions but the last in one group, or in none.
static SmallVector<ReassociationIndices> rowsAsOne(int64_t rank) {
  if (rank == 1)
    return {{0, 1}};
  return {llvm::to_vector(llvm::seq<int64_t>(0, rank - 1)), {rank - 1}};
}

/// [rows…, channels] as [rows, channels], which the ops of llm take.
static Value asMatrix(ImplicitLocOpBuilder &b, Value value) {
  RankedTensorType type = typeOf(value);
  if (type.getRank() == 2)
    return value;
  if (type.getRank() == 1)
    return tensor::ExpandShapeOp::create(
        b,
        RankedTensorType::get({1, type.getDimSize(0)}, type.getElementType()),
        value, rowsAsOne(1));
  return tensor::CollapseShapeOp::create(b, value, rowsAsOne(type.getRank()));
}

/// Back to the shape of `like`.
static Value fromMatrix(ImplicitLocOpBuilder &b, Value matrix, Value like) {
  RankedTensorType type = typeOf(like);
  if (type.getRank() == 2)
    return matrix;
  if (type.getRank() == 1)
    return tensor::CollapseShapeOp::create(b, matrix, rowsAsOne(1));
  return tensor::ExpandShapeOp::create(
      b, type, matrix, rowsAsOne(type.getRank()),
      tensor::getMixedSizes(b, b.getLoc(), like));
}

/// A constant vector as a global; null: it is none.
static Value vectorOf(ImplicitLocOpBuilder &b, Value value,
                      WeightGlobals &globals) {
  auto traced = traceWeight(value);
  return traced ? globals.loadVector(b, *traced) : Value();
}

static Result<Value> raiseNorm(ImplicitLocOpBuilder &b, Value value,
                               const NormFormula &norm,
                               WeightGlobals &globals) {
  Value weight = vectorOf(b, norm.weight, globals);
  Value bias = norm.bias ? vectorOf(b, norm.bias, globals) : Value();
  if (!weight || (norm.bias && !bias)) {
    for (Value loaded : {weight, bias})
      if (loaded)
        eraseDead(loaded.getDefiningOp());
    return badInput("the weight of this norm is no constant vector");
  }
  Value x = asMatrix(b, norm.input);
  FloatAttr eps = b.getF32FloatAttr(float(norm.eps));
  Value y;
  if (norm.centered)
    y = llm::LayerNormOp::create(b, x.getType(), x, weight, bias, eps);
  else
    y = llm::RmsNormOp::create(
        b, x.getType(), x, weight, eps,
        norm.offset != 0 ? b.getF32FloatAttr(float(norm.offset)) : FloatAttr());
  return fromMatrix(b, y, norm.input);
}

static Value raiseGated(ImplicitLocOpBuilder &b, const GatedFormula &gated) {
  Value gate = asMatrix(b, gated.gate), up = asMatrix(b, gated.up);
  Value y = llm::GatedOp::create(
      b, gate.getType(), gate, up,
      llm::ActivationAttr::get(b.getContext(), gated.activation));
  return fromMatrix(b, y, gated.gate);
}

/// The value that takes the place of `value`; null: it is nothing of interest.
/// BadInput: it looks like something, and why it is not raised. Operands of a
/// formula always dominate its result.
static Result<Value> replacement(ImplicitLocOpBuilder &b, Value value,
                                 WeightGlobals &globals) {
  ExpressionRef formula = expressionOf(value);
  if (!formula || formula->is(Kind::Element))
    return Value();
  const int64_t channels = typeOf(value).getShape().back();
  auto fits = [&](std::initializer_list<Value> operands) -> Status {
    for (Value operand : operands)
      if (operand.getType() != value.getType())
        return badInput("types change within this norm or gate");
    if (!typeOf(value).getElementType().isF32())
      return badInput("this norm or gate does not give f32");
    return {};
  };
  bool roots =
      contains(*formula, Kind::Rsqrt) || contains(*formula, Kind::Sqrt);
  if (roots && contains(*formula, Kind::RowSum)) {
    auto norm = matchNorm(*formula, channels);
    if (!norm)
      return badInput("this is neither an RMS norm nor a layer norm with a "
                      "weight for each channel");
    QOPT_CHECK(fits({norm->input}));
    return raiseNorm(b, value, *norm, globals);
  }
  bool activates = contains(*formula, Kind::Exp) ||
                   contains(*formula, Kind::Erf) ||
                   contains(*formula, Kind::Tanh);
  if (activates && leavesOf(*formula, Kind::Element).size() == 2) {
    auto gated = matchGated(*formula);
    if (!gated)
      return badInput("this is no product with a SiLU or GELU");
    QOPT_CHECK(fits({gated->gate, gated->up}));
    return raiseGated(b, *gated);
  }
  return Value();
}

llvm::SetVector<Value> qopt::inputsOf(ArrayRef<LinearOp> linears) {
  llvm::SetVector<Value> inputs;
  for (LinearOp linear : linears)
    inputs.insert(beforeReshapes(LinearOp(linear).getInput()));
  return inputs;
}

void qopt::raiseInput(Value input, WeightGlobals &globals) {
  Operation *op = input.getDefiningOp();
  if (!op || ShapedType::isDynamic(typeOf(input).getShape().back()) ||
      isa_and_nonnull<QOptDialect, llm::LLMDialect>(op->getDialect()))
    return;
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Result<Value> raised = replacement(b, input, globals);
  if (!raised) {
    op->emitRemark("not raised: ") << raised.error().message;
    return;
  }
  if (!*raised)
    return;
  input.replaceAllUsesWith(*raised);
  eraseDead(op);
}
