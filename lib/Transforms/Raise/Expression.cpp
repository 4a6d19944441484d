//===- Expression.cpp - one element of a tensor as a formula -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Expression.h"
#include "ElementwiseBody.h"

#include "mlir/Dialect/Math/IR/Math.h"
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
  Channel, // [channels] or [1…, channels], the same for all rows
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

/// A tensor before conversions to wider floats.
Value beforeWideningOps(Value value) {
  for (;;) {
    auto copy = value.getDefiningOp<linalg::LinalgOp>();
    if (auto cast = value.getDefiningOp<arith::ExtFOp>())
      value = cast.getIn();
    else if (copy && isCopyOrWidening(copy) &&
             llvm::all_equal(copy.getIndexingMapsArray()))
      value = copy.getDpsInputs()[0];
    else
      return value;
  }
}

ExpressionRef element(Value value) {
  return leaf(Kind::Element, beforeWideningOps(value));
}

ExpressionRef constantOf(double value) {
  return std::make_shared<Expression>(
      Expression{Kind::Constant, {}, value, {}});
}

/// The number that all elements of a constant are.
std::optional<double> splat(Value value) {
  DenseFPElementsAttr dense;
  if (!matchPattern(value, m_Constant(&dense)) || !dense.isSplat())
    return {};
  return dense.getSplatValue<APFloat>().convertToDouble();
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
  FormulaBuilder(Value root, const llvm::SetVector<Value> &through)
      : root(root), through(through) {}
  ExpressionRef build(Value value, Access access);

private:
  ExpressionRef scalar(Value value);
  ExpressionRef ofOp(Operation *op, llvm::function_ref<ExpressionRef(Value)>);
  ExpressionRef generic(linalg::LinalgOp op, Access access);
  bool isLeaf(Value value) const;
  static bool repeatsRows(Value value);
  static std::optional<Access> accessOf(Value operand, AffineMap input,
                                        AffineMap output,
                                        ArrayRef<int64_t> shape, Access access);

  Value root;
  const llvm::SetVector<Value> &through;
  int64_t left = 400; // steps, against formulas that explode
  /// What the arguments of the body that is being read stand for.
  llvm::DenseMap<Value, ExpressionRef> arguments;
};

} // namespace

/// The access of an operand, from the maps of it and of the result, which has
/// this shape.
std::optional<Access> FormulaBuilder::accessOf(Value operand, AffineMap input,
                                               AffineMap output,
                                               ArrayRef<int64_t> shape,
                                               Access access) {
  input = withoutUnitConstants(input, output, shape);
  if (input == output)
    return access;
  ArrayRef<AffineExpr> in = input.getResults(), out = output.getResults();
  if (access != Access::Full || in.empty() || out.empty())
    return {};
  if (in.back() == out.back())
    return isVector(operand) ? std::optional(Access::Channel) : std::nullopt;
  bool unit = in.size() == out.size() &&
              cast<ShapedType>(operand.getType()).getShape().back() == 1;
  if (unit)
    in = in.drop_back();
  if (in == out.drop_back())
    return Access::Row;
  return {};
}

/// Whether a value is one number per row, repeated along it: a mean, say.
bool FormulaBuilder::repeatsRows(Value value) {
  auto copy = value.getDefiningOp<linalg::LinalgOp>();
  if (!copy || !isCopyOrWidening(copy))
    return false;
  SmallVector<AffineMap> maps = copy.getIndexingMapsArray();
  return accessOf(copy.getDpsInputs()[0], maps[0], maps[1],
                  cast<ShapedType>(value.getType()).getShape(),
                  Access::Full) == Access::Row;
}

/// What is read twice is where a formula begins: the hidden states of a norm.
/// Means are part of it.
bool FormulaBuilder::isLeaf(Value value) const {
  return value != root && !value.hasOneUse() &&
         !through.contains(beforeWideningOps(value)) && !repeatsRows(value);
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
      .Case<math::ErfOp>([&](auto) { return unary(Kind::Erf); })
      .Case<math::TanhOp>([&](auto) { return unary(Kind::Tanh); })
      .Case<math::PowFOp, math::FPowIOp>([&](auto power) -> ExpressionRef {
        APFloat f(0.0f);
        APInt i;
        double exponent = 0;
        if (matchPattern(power.getRhs(), m_ConstantFloat(&f)))
          exponent = f.convertToDouble();
        else if (matchPattern(power.getRhs(), m_ConstantInt(&i)))
          exponent = double(i.getSExtValue());
        ExpressionRef base = operand(power.getLhs());
        if (exponent == 2)
          return product(base, base);
        return exponent == 3 ? product(base, product(base, base))
                             : ExpressionRef();
      })
      // Where values are rounded to 16 bits does not change what is meant.
      .Case<arith::ExtFOp, arith::TruncFOp>(
          [&](auto cast) { return operand(cast.getIn()); })
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
    if ((sum->first != accumulator && sum->second != accumulator) ||
        !isZero(op.getDpsInits()[0]))
      return {};
    yielded = sum->first == accumulator ? sum->second : sum->first;
  } else if (op.getNumReductionLoops() != 0) {
    return {};
  }
  auto outer = std::move(arguments);
  llvm::DenseMap<Value, ExpressionRef> inner;
  for (unsigned i = 0; i < op.getNumDpsInputs(); ++i) {
    Value input = op.getDpsInputs()[i];
    auto operandAccess =
        sums ? std::optional(Access::Full)
             : accessOf(
                   input, maps[i], output,
                   cast<ShapedType>(op.getDpsInits()[0].getType()).getShape(),
                   access);
    ExpressionRef operand;
    arguments.clear();
    if (!isa<RankedTensorType>(input.getType()))
      operand = scalar(input);
    else if (auto number = splat(input); number && access != Access::Channel &&
                                         operandAccess != Access::Channel)
      operand = constantOf(*number);
    else if (operandAccess == Access::Full &&
             !body->getArgument(i).hasOneUse() &&
             !through.contains(beforeWideningOps(input)))
      operand = element(input); // read twice, as in isLeaf()
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
  if (auto number = splat(value); number && access != Access::Channel)
    return constantOf(*number);
  if (access == Access::Channel &&
      llvm::any_of(type.getShape().drop_back(),
                   [](int64_t n) { return n != 1; }))
    return {};
  if (access == Access::Full && isLeaf(value))
    return element(value);
  Operation *op = value.getDefiningOp();
  ExpressionRef result;
  if (op && --left > 0) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      result = generic(linalgOp, access);
    else if (access == Access::Row &&
             isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      result = build(op->getOperand(0), access); // of units
    else if (access == Access::Full && regroupsRows(op))
      result = build(op->getOperand(0), access);
    else
      result = ofOp(op, [&](Value operand) { return build(operand, access); });
  }
  if (!result && access != Access::Row)
    return access == Access::Full ? element(value) : leaf(Kind::Channel, value);
  return result;
}

/// Of several leaves, one that follows from the others by a mean: x − mean(x)
/// beside x.
static Value derivedLeaf(const llvm::SetVector<Value> &leaves,
                         const llvm::SetVector<Value> &through) {
  if (leaves.size() < 2)
    return {};
  for (Value leaf : leaves) {
    ExpressionRef formula =
        FormulaBuilder(leaf, through).build(leaf, Access::Full);
    auto sources = leavesOf(*formula, Kind::Element);
    if (contains(*formula, Kind::RowSum) && !sources.empty() &&
        llvm::all_of(sources, [&](Value source) {
          return source != leaf && leaves.contains(source);
        }))
      return leaf;
  }
  return {};
}

ExpressionRef qopt::expressionOf(Value tensor) {
  llvm::SetVector<Value> through;
  for (;;) {
    ExpressionRef formula =
        FormulaBuilder(tensor, through).build(tensor, Access::Full);
    Value derived = derivedLeaf(leavesOf(*formula, Kind::Element), through);
    if (!derived || through.size() == 4)
      return formula;
    through.insert(derived);
  }
}
