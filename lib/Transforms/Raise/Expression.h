//===- Expression.h - one element of a tensor as a formula ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Front ends spread a norm over many elementwise ops, each with loops of its
// own. Written as the formula of one element they are all the same.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_EXPRESSION_H
#define QOPT_LIB_TRANSFORMS_RAISE_EXPRESSION_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

#include <memory>
#include <vector>

namespace qopt {

struct Expression;
using ExpressionRef = std::shared_ptr<const Expression>;

/// Products are flat: factors in any order, a division is a factor Reciprocal.
struct Expression {
  enum class Kind {
    Element, // of `leaf`, at this row and channel
    Channel, // of `leaf`, a vector, at this channel
    Constant,
    Product,
    Sum,        // of two
    RowSum,     // of the operand over all channels of the row
    Reciprocal, // 1 / operand
    Rsqrt,
    Sqrt,
    Exp,
    Erf,
    Tanh,
    Negative,
  };
  Kind kind;
  mlir::Value leaf;
  double constant = 0;
  std::vector<ExpressionRef> operands;

  bool is(Kind other) const { return kind == other; }
};

/// The formula of the elements of a float tensor [rows…, channels].
ExpressionRef expressionOf(mlir::Value tensor);

/// What the elements of one row are, if those of every leaf are these. Vectors
/// have as many elements as the row; a leaf that is not listed is zero.
using LeafValues = llvm::DenseMap<mlir::Value, std::vector<double>>;
std::vector<double> evaluateRow(const Expression &expression, size_t channels,
                                const LeafValues &leaves);

/// The leaves of one kind, and whether a kind occurs.
llvm::SetVector<mlir::Value> leavesOf(const Expression &expression,
                                      Expression::Kind kind);
bool contains(const Expression &expression, Expression::Kind kind);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_EXPRESSION_H
