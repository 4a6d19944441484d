//===- EvaluateExpression.cpp - formulas with numbers put in --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Expression.h"

#include <cmath>
#include <functional>
#include <numeric>

using namespace mlir;
using namespace qopt;

using Kind = Expression::Kind;
using Row = std::vector<double>;

static double applied(Kind kind, double x) {
  switch (kind) {
  case Kind::Reciprocal:
    return 1 / x;
  case Kind::Rsqrt:
    return 1 / std::sqrt(x);
  case Kind::Sqrt:
    return std::sqrt(x);
  case Kind::Exp:
    return std::exp(x);
  case Kind::Erf:
    return std::erf(x);
  case Kind::Tanh:
    return std::tanh(x);
  case Kind::Negative:
    return -x;
  default:
    llvm_unreachable("not a function of one number");
  }
}

Row qopt::evaluateRow(const Expression &expression, size_t channels,
                      const LeafValues &leaves) {
  std::vector<Row> operands;
  operands.reserve(expression.operands.size());
  for (const ExpressionRef &operand : expression.operands)
    operands.push_back(evaluateRow(*operand, channels, leaves));
  auto combine = [&](auto combined) {
    Row result = std::move(operands.front());
    for (const Row &other : llvm::drop_begin(operands))
      for (size_t i = 0; i < channels; ++i)
        result[i] = combined(result[i], other[i]);
    return result;
  };
  switch (expression.kind) {
  case Kind::Element:
  case Kind::Channel: {
    auto known = leaves.find(expression.leaf);
    return known == leaves.end() ? Row(channels) : known->second;
  }
  case Kind::Constant:
    return Row(channels, expression.constant);
  case Kind::Product:
    return combine(std::multiplies<>());
  case Kind::Sum:
    return combine(std::plus<>());
  case Kind::RowSum:
    return Row(channels,
               std::accumulate(operands[0].begin(), operands[0].end(), 0.));
  default:
    for (double &number : operands[0])
      number = applied(expression.kind, number);
    return std::move(operands[0]);
  }
}

static void walk(const Expression &expression,
                 llvm::function_ref<void(const Expression &)> visit) {
  visit(expression);
  for (const ExpressionRef &operand : expression.operands)
    walk(*operand, visit);
}

llvm::SetVector<Value> qopt::leavesOf(const Expression &expression, Kind kind) {
  llvm::SetVector<Value> leaves;
  walk(expression, [&](const Expression &part) {
    if (part.is(kind) && part.leaf)
      leaves.insert(part.leaf);
  });
  return leaves;
}

bool qopt::contains(const Expression &expression, Kind kind) {
  bool found = false;
  walk(expression, [&](const Expression &part) { found |= part.is(kind); });
  return found;
}
