//===- RaiseInputs.cpp - norms and gates in front of linears -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "RaiseInputs.h"
#include "ElementwiseBody.h"
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

/// What stands before reshapes that keep the rows, and roundings.
static Value beforeReshapes(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!regroupsRows(op) && !changesPrecision(op))
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

/// [rows…, channels] as f32 [rows, channels], which the ops of llm take.
static Value asMatrix(ImplicitLocOpBuilder &b, Value value) {
  RankedTensorType type = typeOf(value);
  if (!type.getElementType().isF32()) {
    type = cast<RankedTensorType>(type.clone(b.getF32Type()));
    value = arith::ExtFOp::create(b, type, value);
  }
  if (type.getRank() == 2)
    return value;
  if (type.getRank() == 1)
    return tensor::ExpandShapeOp::create(
        b, RankedTensorType::get({1, type.getDimSize(0)}, b.getF32Type()),
        value, rowsAsOne(1));
  return tensor::CollapseShapeOp::create(b, value, rowsAsOne(type.getRank()));
}

/// The sizes of what an elementwise op computes, without reading its result.
static SmallVector<OpFoldResult> sizesOf(ImplicitLocOpBuilder &b,
                                         Operation *op) {
  auto destination = dyn_cast<DestinationStyleOpInterface>(op);
  return tensor::getMixedSizes(b, b.getLoc(),
                               destination ? destination.getDpsInits()[0]
                                           : op->getOperand(0));
}

/// Back to the type of what `op` computes.
static Value fromMatrix(ImplicitLocOpBuilder &b, Value matrix, Operation *op) {
  RankedTensorType type = typeOf(op->getResult(0));
  Type shape = type.clone(b.getF32Type());
  if (type.getRank() == 1)
    matrix = tensor::CollapseShapeOp::create(b, matrix, rowsAsOne(1));
  else if (type.getRank() > 2)
    matrix = tensor::ExpandShapeOp::create(
        b, shape, matrix, rowsAsOne(type.getRank()), sizesOf(b, op));
  return type == shape ? matrix : arith::TruncFOp::create(b, type, matrix);
}

/// A constant vector as a global; null: it is none.
static Value vectorOf(ImplicitLocOpBuilder &b, Value value,
                      WeightGlobals &globals) {
  auto traced = traceWeight(value);
  return traced ? globals.loadVector(b, *traced) : Value();
}

static Result<Value> raiseNorm(ImplicitLocOpBuilder &b, const NormFormula &norm,
                               WeightGlobals &globals) {
  Value weight = norm.weight
                     ? vectorOf(b, norm.weight, globals)
                     : globals.ones(b, typeOf(norm.input).getShape().back());
  Value bias = norm.bias ? vectorOf(b, norm.bias, globals) : Value();
  if (!weight || (norm.bias && !bias)) {
    for (Value loaded : {weight, bias})
      if (loaded)
        eraseDead(loaded.getDefiningOp());
    return badInput("the weight of this norm is no constant vector");
  }
  Value x = asMatrix(b, norm.input);
  FloatAttr eps = b.getF32FloatAttr(float(norm.eps));
  if (norm.centered)
    return llm::LayerNormOp::create(b, x.getType(), x, weight, bias, eps)
        .getResult();
  return llm::RmsNormOp::create(b, x.getType(), x, weight, eps,
                                norm.offset != 0
                                    ? b.getF32FloatAttr(float(norm.offset))
                                    : FloatAttr())
      .getResult();
}

static Value raiseGated(ImplicitLocOpBuilder &b, const GatedFormula &gated) {
  Value gate = asMatrix(b, gated.gate), up = asMatrix(b, gated.up);
  return llm::GatedOp::create(
      b, gate.getType(), gate, up,
      llm::ActivationAttr::get(b.getContext(), gated.activation));
}

/// Whether rows of an operand are those of the result, but for their grouping
/// and precision.
static bool hasRowsOf(Value operand, Value result) {
  RankedTensorType from = typeOf(operand), to = typeOf(result);
  auto rows = [](RankedTensorType type) {
    ArrayRef<int64_t> shape = type.getShape().drop_back();
    return ShapedType::isDynamicShape(shape)
               ? ShapedType::kDynamic
               : ShapedType::getNumElements(shape);
  };
  return from.getShape().back() == to.getShape().back() &&
         rows(from) == rows(to) &&
         isa<Float16Type, BFloat16Type, Float32Type>(from.getElementType()) &&
         isa<Float16Type, BFloat16Type, Float32Type>(to.getElementType());
}

/// The value [rows, channels] that says the same as the result of `op`; null:
/// it is nothing of interest. BadInput: it looks like something, and why it is
/// not raised. Operands of a formula always dominate its result.
static Result<Value> replacement(ImplicitLocOpBuilder &b, Operation *op,
                                 WeightGlobals &globals) {
  Value value = op->getResult(0);
  ExpressionRef formula = expressionOf(value);
  if (!formula || formula->is(Kind::Element))
    return Value();
  bool roots =
      contains(*formula, Kind::Rsqrt) || contains(*formula, Kind::Sqrt);
  if (roots && contains(*formula, Kind::RowSum)) {
    auto norm = matchNorm(*formula, typeOf(value).getShape().back());
    if (!norm)
      return badInput("this is neither an RMS norm nor a layer norm with a "
                      "weight for each channel");
    if (!hasRowsOf(norm->input, value))
      return badInput("shapes change within this norm");
    return raiseNorm(b, *norm, globals);
  }
  bool activates = contains(*formula, Kind::Exp) ||
                   contains(*formula, Kind::Erf) ||
                   contains(*formula, Kind::Tanh);
  if (activates && leavesOf(*formula, Kind::Element).size() == 2) {
    auto gated = matchGated(*formula);
    if (!gated)
      return badInput("this is no product with a SiLU or GELU");
    if (!hasRowsOf(gated->gate, value) || !hasRowsOf(gated->up, value))
      return badInput("shapes change within this product");
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

bool qopt::raiseInput(Value input, WeightGlobals &globals) {
  Operation *op = input.getDefiningOp();
  if (!op || op->getNumResults() != 1 ||
      ShapedType::isDynamic(typeOf(input).getShape().back()) ||
      isa_and_nonnull<QOptDialect, llm::LLMDialect>(op->getDialect()))
    return false;
  ImplicitLocOpBuilder b(op->getLoc(), op);
  Result<Value> raised = replacement(b, op, globals);
  if (!raised) {
    op->emitRemark("not raised: ") << raised.error().message;
    return false;
  }
  if (!*raised)
    return false;
  input.replaceAllUsesWith(fromMatrix(b, *raised, op));
  eraseDead(op);
  return true;
}
