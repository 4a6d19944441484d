//===- Expression.cpp - one element of a tensor as a formula -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Expression.h"
#include "ElementwiseBody.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

using Kind = Expression::Kind;

namespace {

/// Which element of a tensor is meant.
enum class Access {
  Full,    // [rows…, channels]
  Row,     // [rows…] or [rows…, 1], the same for all channels
  Channel, // [channels]
};

ExpressionRef make(Kind kind, std::vector<ExpressionRef> operands) {
  for (const ExpressionRef &operand : operands)
    if (!operand)
      return {};
  return std::make_shared<Expression>(
      Expression{kind, {}, 0, std::move(operands)});
}

ExpressionRef leaf(Kind kind, Value value) {
  return std::make_shared<Expression>(Expression{kind, value, 0, {}});
}

ExpressionRef constantOf(double value) {
  return std::make_shared<Expression>(
      Expression{Kind::Constant, {}, value, {}});
}

ExpressionRef product(ExpressionRef a, ExpressionRef b) {
  if (!a || !b)
    return {};
  std::vector<ExpressionRef> factors;
  for (const ExpressionRef &part : {a, b}) {
    if (part->is(Kind::Product))
      factors.insert(factors.end(), part->operands.begin(),
                     part->operands.end());
    else
      factors.push_back(part);
  }
  return make(Kind::Product, std::move(factors));
}

class FormulaBuilder {
public:
  explicit FormulaBuilder(Value root) : root(root) {}
  ExpressionRef build(Value value, Access access);

private:
  ExpressionRef scalar(Value value);
  ExpressionRef ofOp(Operation *op, llvm::function_ref<ExpressionRef(Value)>);
  ExpressionRef generic(linalg::LinalgOp op, Access access);
  static std::optional<Access> accessOf(AffineMap input, AffineMap output,
                                        Access access);

  Value root;
  int64_t left = 400; // steps, against formulas that explode
  /// What the arguments of the body that is being read stand for.
  llvm::DenseMap<Value, ExpressionRef> arguments;
};

} // namespace

/// The access of an operand, from the maps of it and of the result.
std::optional<Access>
FormulaBuilder::accessOf(AffineMap input, AffineMap output, Access access) {
  if (input == output)
    return access;
  ArrayRef<AffineExpr> in = input.getResults(), out = output.getResults();
  if (access != Access::Full || out.empty())
    return {};
  if (in.size() == 1 && in[0] == out.back())
    return Access::Channel;
  bool unit = !in.empty() && in.size() == out.size() &&
              isa<AffineConstantExpr>(in.back());
  if (unit)
    in = in.drop_back();
  if (in == out.drop_back())
    return Access::Row;
  return {};
}

/// One op of arith or math, on scalars or elementwise on tensors.
ExpressionRef
FormulaBuilder::ofOp(Operation *op,
                     llvm::function_ref<ExpressionRef(Value)> operand) {
  auto binary = [&](auto typed, auto combine) {
    return combine(operand(typed.getLhs()), operand(typed.getRhs()));
  };
  auto unary = [&](Kind kind) {
    return make(kind, {operand(op->getOperand(0))});
  };
  return llvm::TypeSwitch<Operation *, ExpressionRef>(op)
      .Case<arith::AddFOp>([&](auto add) {
        return binary(add,
                      [](auto a, auto b) { return make(Kind::Sum, {a, b}); });
      })
      .Case<arith::SubFOp>([&](auto sub) {
        return binary(sub, [](auto a, auto b) {
          return make(Kind::Sum, {a, make(Kind::Negative, {b})});
        });
      })
      .Case<arith::MulFOp>([&](auto mul) { return binary(mul, product); })
      .Case<arith::DivFOp>([&](auto div) {
        return binary(div, [](auto a, auto b) {
          return product(a, make(Kind::Reciprocal, {b}));
        });
      })
      .Case<arith::NegFOp>([&](auto) { return unary(Kind::Negative); })
      .Case<math::RsqrtOp>([&](auto) { return unary(Kind::Rsqrt); })
      .Case<math::SqrtOp>([&](auto) { return unary(Kind::Sqrt); })
      .Case<math::ExpOp>([&](auto) { return unary(Kind::Exp); })
      .Case<math::PowFOp, math::FPowIOp>([&](auto power) -> ExpressionRef {
        APFloat f(0.0f);
        APInt i;
        bool square =
            (matchPattern(power.getRhs(), m_ConstantFloat(&f)) &&
             f.convertToDouble() == 2) ||
            (matchPattern(power.getRhs(), m_ConstantInt(&i)) && i == 2);
        ExpressionRef base = operand(power.getLhs());
        return square ? product(base, base) : ExpressionRef();
      })
      .Case<arith::ExtFOp>([&](auto cast) { return operand(cast.getIn()); })
      .Default(ExpressionRef());
}

/// A value inside of a body.
ExpressionRef FormulaBuilder::scalar(Value value) {
  if (auto known = arguments.find(value); known != arguments.end())
    return known->second;
  APFloat constant(0.0f);
  if (matchPattern(value, m_ConstantFloat(&constant)))
    return constantOf(constant.convertToDouble());
  Operation *op = value.getDefiningOp();
  if (!op || --left < 0)
    return {};
  return ofOp(op, [&](Value operand) { return scalar(operand); });
}

ExpressionRef FormulaBuilder::generic(linalg::LinalgOp op, Access access) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
      !yieldedValue(op))
    return {};
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap output = maps.back();
  Value yielded = yieldedValue(op);
  Block *body = op.getBlock();
  // A reduction of the last loop, whose body adds to the accumulator.
  const unsigned loops = op.getNumLoops();
  bool sums = op.getNumReductionLoops() == 1;
  if (sums) {
    if (access != Access::Row || op.getNumDpsInputs() != 1 ||
        !maps[0].isIdentity() ||
        op.getIteratorTypesArray().back() != utils::IteratorType::reduction ||
        output.getNumResults() + 1 < loops)
      return {};
    auto sum = operandsOf<arith::AddFOp>(yielded);
    if (!sum)
      return {};
    Value accumulator = body->getArguments().back();
    Value initial = op.getDpsInits()[0];
    auto fill = initial.getDefiningOp<linalg::FillOp>();
    if ((sum->first != accumulator && sum->second != accumulator) || !fill ||
        !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()))
      return {};
    yielded = sum->first == accumulator ? sum->second : sum->first;
  } else if (op.getNumReductionLoops() != 0) {
    return {};
  }
  auto outer = std::move(arguments);
  llvm::DenseMap<Value, ExpressionRef> inner;
  for (unsigned i = 0; i < op.getNumDpsInputs(); ++i) {
    auto operandAccess =
        sums ? std::optional(Access::Full) : accessOf(maps[i], output, access);
    Value input = op.getDpsInputs()[i];
    ExpressionRef operand;
    arguments.clear();
    if (!isa<RankedTensorType>(input.getType()))
      operand = scalar(input);
    else if (operandAccess == Access::Full && !body->getArgument(i).hasOneUse())
      operand = leaf(Kind::Element, input); // read twice, as in build()
    else if (operandAccess)
      operand = build(input, *operandAccess);
    inner[body->getArgument(i)] = operand;
  }
  arguments = std::move(inner);
  ExpressionRef result = scalar(yielded);
  arguments = std::move(outer);
  return sums ? make(Kind::RowSum, {result}) : result;
}

ExpressionRef FormulaBuilder::build(Value value, Access access) {
  auto type = cast<RankedTensorType>(value.getType());
  APFloat splat(0.0f);
  if (DenseFPElementsAttr dense; matchPattern(value, m_Constant(&dense)) &&
                                 dense.isSplat() && access != Access::Channel)
    return constantOf(dense.getSplatValue<APFloat>().convertToDouble());
  if (access == Access::Channel)
    return type.getRank() == 1 ? leaf(Kind::Channel, value) : ExpressionRef();
  // What is read twice is where a formula begins: the hidden states of a norm.
  if (access == Access::Full && value != root && !value.hasOneUse())
    return leaf(Kind::Element, value);
  Operation *op = value.getDefiningOp();
  ExpressionRef result;
  if (op && --left > 0) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      result = generic(linalgOp, access);
    else if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op) &&
             access == Access::Row)
      result = build(op->getOperand(0), access); // of units
    else
      result = ofOp(op, [&](Value operand) { return build(operand, access); });
  }
  if (!result && access == Access::Full)
    return leaf(Kind::Element, value);
  return result;
}

ExpressionRef qopt::expressionOf(Value tensor) {
  return FormulaBuilder(tensor).build(tensor, Access::Full);
}

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

/// Σ x² / K where x is the element of `input` and K its channels.
static bool isMeanSquare(const Expression &expression, Value input) {
  if (!expression.is(Kind::Product))
    return false;
  double scale = 1;
  int sums = 0;
  for (const ExpressionRef &factor : expression.operands) {
    if (factor->is(Kind::Constant)) {
      scale *= factor->constant;
    } else if (factor->is(Kind::Reciprocal) &&
               factor->operands[0]->is(Kind::Constant)) {
      scale /= factor->operands[0]->constant;
    } else if (factor->is(Kind::RowSum)) {
      const Expression &square = *factor->operands[0];
      if (!square.is(Kind::Product) || square.operands.size() != 2)
        return false;
      for (const ExpressionRef &x : square.operands)
        if (!x->is(Kind::Element) || x->leaf != input)
          return false;
      ++sums;
    } else {
      return false;
    }
  }
  double channels = cast<ShapedType>(input.getType()).getShape().back();
  return sums == 1 && std::abs(scale * channels - 1) < 1e-6;
}

std::optional<RmsNormFormula> qopt::matchRmsNorm(Value tensor) {
  ExpressionRef formula = expressionOf(tensor);
  if (!formula || !formula->is(Kind::Product) || formula->operands.size() != 3)
    return {};
  RmsNormFormula norm{};
  const Expression *root = nullptr;
  for (const ExpressionRef &factor : formula->operands) {
    if (factor->is(Kind::Element))
      norm.input = factor->leaf;
    else if (factor->is(Kind::Channel))
      norm.weight = factor->leaf;
    else if (factor->is(Kind::Rsqrt))
      root = factor->operands[0].get();
    else if (factor->is(Kind::Reciprocal) &&
             factor->operands[0]->is(Kind::Sqrt))
      root = factor->operands[0]->operands[0].get();
  }
  if (!norm.input || !norm.weight || !root || !root->is(Kind::Sum))
    return {};
  auto [a, b] = std::pair(root->operands[0], root->operands[1]);
  if (a->is(Kind::Constant))
    std::swap(a, b);
  if (!b->is(Kind::Constant) || !isMeanSquare(*a, norm.input))
    return {};
  norm.eps = b->constant;
  return norm;
}

/// 1 / (1 + exp(-gate)).
static bool isSigmoid(const Expression &expression, Value gate) {
  if (!expression.is(Kind::Reciprocal) ||
      !expression.operands[0]->is(Kind::Sum))
    return false;
  auto [one, power] = std::pair(expression.operands[0]->operands[0],
                                expression.operands[0]->operands[1]);
  if (!one->is(Kind::Constant))
    std::swap(one, power);
  return one->is(Kind::Constant) && one->constant == 1 &&
         power->is(Kind::Exp) && power->operands[0]->is(Kind::Negative) &&
         power->operands[0]->operands[0]->is(Kind::Element) &&
         power->operands[0]->operands[0]->leaf == gate;
}

std::optional<GatedFormula> qopt::matchGated(Value tensor) {
  ExpressionRef formula = expressionOf(tensor);
  if (!formula || !formula->is(Kind::Product))
    return {};
  SmallVector<Value> elements;
  const Expression *sigmoid = nullptr;
  for (const ExpressionRef &factor : formula->operands) {
    if (factor->is(Kind::Element))
      elements.push_back(factor->leaf);
    else if (factor->is(Kind::Reciprocal) && !sigmoid)
      sigmoid = factor.get();
    else if (!factor->is(Kind::Constant) || factor->constant != 1)
      return {};
  }
  if (elements.size() != 2 || !sigmoid)
    return {};
  for (unsigned gate : {0, 1})
    if (isSigmoid(*sigmoid, elements[gate]))
      return GatedFormula{elements[gate], elements[1 - gate]};
  return {};
}
