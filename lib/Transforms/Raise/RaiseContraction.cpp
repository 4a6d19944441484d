//===- RaiseContraction.cpp - contractions to linears --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Loops are sorted by where they occur:
//
//     in x and y, not in W      M, the rows       (also where W only repeats)
//     in W and y, not in x      N, output channels
//     in x and W, not in y      K, input channels
//
// x is brought to [M…, K] and y from [M…, N], by transposing and reshaping
// where they are not there already.
//
//===----------------------------------------------------------------------===//
#include "RaiseContraction.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace qopt;

using Dimension = StridedWeight::Dimension;
using Loops = SmallVector<unsigned>;

namespace {

/// Which loops are rows, outputs and inputs; the latter two static.
struct Roles {
  Loops m, n, k;
  Dimension outputs{1, 1}, inputs{1, 1}; // how the weight walks along N and K
};

class Raising {
public:
  Raising(const Contraction &contraction, unsigned weightOperand,
          StridedWeight weight)
      : contraction(contraction), weight(std::move(weight)),
        x(contraction.operands[1 - weightOperand]),
        xMap(contraction.maps[1 - weightOperand]),
        weightMap(contraction.maps[weightOperand]),
        yMap(contraction.outputMap) {}

  Status sortLoops();
  Result<LinearOp> emit(WeightGlobals &globals);

private:
  Dimension ofWeight(unsigned loop) const {
    auto position = placeIn(weightMap, loop);
    return position ? weight.dimensions[*position] : Dimension{1, 0};
  }
  static std::optional<unsigned> placeIn(AffineMap map, unsigned loop) {
    return map.getResultPosition(getAffineDimExpr(loop, map.getContext()));
  }
  Status walk(const Loops &loops, Dimension &whole, StringRef name) const;
  Value inputRows(ImplicitLocOpBuilder &b) const;
  Value fromRows(ImplicitLocOpBuilder &b, Value rows) const;

  const Contraction &contraction;
  StridedWeight weight;
  Value x;
  AffineMap xMap, weightMap, yMap;
  Roles roles;
};

} // namespace

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Loops of the weight, outermost first, as one dimension.
Status Raising::walk(const Loops &loops, Dimension &whole,
                     StringRef name) const {
  whole = {1, 1};
  for (unsigned loop : llvm::reverse(loops)) {
    Dimension part = ofWeight(loop);
    if (part.size == 1)
      continue;
    if (ShapedType::isDynamic(part.size) || part.stride == 0)
      return badInput("the weight is repeated along its ", name.str());
    if (whole.size == 1)
      whole = part;
    else if (part.stride == whole.stride * whole.size)
      whole.size *= part.size;
    else
      return badInput("no single stride walks along the ", name.str(),
                      " of the weight");
  }
  return {};
}

Status Raising::sortLoops() {
  // In the order of y, and of x for what y sums over.
  auto isConstantAlong = [&](unsigned loop) {
    Dimension along = ofWeight(loop);
    return along.stride == 0 || along.size == 1;
  };
  for (AffineExpr result : yMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(result).getPosition();
    if (!placeIn(xMap, loop))
      roles.n.push_back(loop);
    else if (isConstantAlong(loop))
      roles.m.push_back(loop);
    else
      return badInput("there is another weight for every index of a dimension "
                      "of the output");
  }
  for (AffineExpr result : xMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(result).getPosition();
    if (placeIn(yMap, loop))
      continue;
    if (!placeIn(weightMap, loop))
      return badInput("it also sums along a dimension that the weight lacks");
    roles.k.push_back(loop);
  }
  for (unsigned loop = 0; loop < xMap.getNumDims(); ++loop)
    if (!placeIn(xMap, loop) && !placeIn(yMap, loop) &&
        ofWeight(loop).size != 1)
      return badInput("it also sums the weight alone");
  for (unsigned loop : roles.n)
    if (!placeIn(weightMap, loop))
      return badInput("it repeats its result");
  if (roles.m.size() > 3)
    return badInput("its input has more than 4 dimensions");
  QOPT_CHECK(walk(roles.n, roles.outputs, "outputs"));
  return walk(roles.k, roles.inputs, "inputs");
}

/// `value` with its dimensions in another order; dimension i of the result is
/// `order[i]`.
static Value transposed(ImplicitLocOpBuilder &b, Value value,
                        ArrayRef<int64_t> order) {
  if (llvm::equal(order, llvm::seq<int64_t>(0, order.size())))
    return value;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), value),
                            permuted;
  for (int64_t source : order)
    permuted.push_back(sizes[source]);
  Value empty =
      tensor::EmptyOp::create(b, permuted, typeOf(value).getElementType());
  return linalg::TransposeOp::create(b, value, empty, order)->getResult(0);
}

/// Dimensions [0, leading) one by one, then the others as one.
static SmallVector<ReassociationIndices> lastAsOne(int64_t leading,
                                                   int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < leading; ++i)
    groups.push_back({i});
  groups.push_back(llvm::to_vector(llvm::seq<int64_t>(leading, rank)));
  return groups;
}

/// `x` as f32 in front of `op`; linears that read the same read one value.
static Value widened(ImplicitLocOpBuilder &b, Value x, Operation *op) {
  if (typeOf(x).getElementType().isF32())
    return x;
  Type type = typeOf(x).clone(b.getF32Type());
  for (Operation *user : x.getUsers())
    if (isa<arith::ExtFOp>(user) && user->getResult(0).getType() == type &&
        user->getBlock() == op->getBlock() && user->isBeforeInBlock(op))
      return user->getResult(0);
  return arith::ExtFOp::create(b, type, x);
}

/// x as f32 [M…, K].
Value Raising::inputRows(ImplicitLocOpBuilder &b) const {
  SmallVector<int64_t> order;
  for (const Loops &loops : {roles.m, roles.k})
    for (unsigned loop : loops)
      order.push_back(*placeIn(xMap, loop));
  Value rows = transposed(b, widened(b, x, contraction.op), order);
  int64_t leading = roles.m.size(), rank = order.size();
  if (rank - leading > 1)
    rows = tensor::CollapseShapeOp::create(b, rows, lastAsOne(leading, rank));
  return rows;
}

/// y from f32 [M…, N].
Value Raising::fromRows(ImplicitLocOpBuilder &b, Value rows) const {
  auto type = cast<RankedTensorType>(contraction.op->getResult(0).getType());
  const int64_t leading = roles.m.size();
  if (roles.n.size() > 1) {
    SmallVector<int64_t> shape(typeOf(rows).getShape().drop_back());
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), rows);
    sizes.pop_back();
    for (unsigned loop : roles.n) {
      shape.push_back(ofWeight(loop).size);
      sizes.push_back(b.getIndexAttr(shape.back()));
    }
    rows = tensor::ExpandShapeOp::create(
        b, RankedTensorType::get(shape, b.getF32Type()), rows,
        lastAsOne(leading, shape.size()), sizes);
  }
  SmallVector<int64_t> order;
  // Where each dimension of y is in [M…, N…].
  for (AffineExpr result : yMap.getResults()) {
    unsigned loop = cast<AffineDimExpr>(result).getPosition();
    const unsigned *row = llvm::find(roles.m, loop);
    order.push_back(row != roles.m.end()
                        ? row - roles.m.begin()
                        : leading +
                              (llvm::find(roles.n, loop) - roles.n.begin()));
  }
  Value y = transposed(b, rows, order);
  if (!type.getElementType().isF32())
    y = arith::TruncFOp::create(b, typeOf(y).clone(type.getElementType()), y);
  if (y.getType() != type)
    y = tensor::CastOp::create(b, type, y);
  return y;
}

Result<LinearOp> Raising::emit(WeightGlobals &globals) {
  if (roles.k.empty() && typeOf(x).getRank() == int64_t(roles.m.size()))
    return badInput("it sums over nothing");
  if (roles.n.empty())
    return badInput("its weight is a vector");
  ImplicitLocOpBuilder b(contraction.op->getLoc(), contraction.op);
  Value matrix = globals.load(b, weight, roles.outputs, roles.inputs);
  if (!matrix)
    return badInput("its weight is no slice or transpose of a matrix");
  Value rows = inputRows(b);
  SmallVector<int64_t> shape(typeOf(rows).getShape());
  shape.back() = roles.outputs.size;
  auto linear =
      LinearOp::create(b, RankedTensorType::get(shape, b.getF32Type()), rows,
                       matrix, contraction.bias);
  Value y = fromRows(b, linear.getOutput());
  if (contraction.initial) {
    // A vector in every row is a bias.
    Value vector = traceRepeatedVector(contraction.initial);
    if (vector && y == linear.getOutput() && !contraction.bias)
      linear.getBiasMutable().assign(vector);
    else
      y = arith::AddFOp::create(b, contraction.initial, y);
  }
  contraction.op->getResult(0).replaceAllUsesWith(y);
  return linear;
}

Result<LinearOp> qopt::raiseContraction(const Contraction &contraction,
                                        WeightGlobals &globals) {
  std::optional<Error> reason;
  for (unsigned operand : {1, 0}) {
    auto weight = traceWeight(contraction.operands[operand]);
    if (!weight)
      continue;
    Raising raising(contraction, operand, std::move(*weight));
    Status sorted = raising.sortLoops();
    Result<LinearOp> linear =
        sorted ? raising.emit(globals) : tl::unexpected(sorted.error());
    if (linear) {
      eraseDead(contraction.op);
      return linear;
    }
    if (!reason)
      reason = linear.error();
  }
  if (reason)
    return tl::unexpected(*reason);
  return badInput("neither operand is a constant");
}

void qopt::eraseDead(Operation *op) {
  SmallVector<Operation *> dead = {op};
  while (!dead.empty()) {
    Operation *next = dead.pop_back_val();
    if (!isOpTriviallyDead(next))
      continue;
    SetVector<Operation *> producers;
    next->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (Operation *producer = operand.getDefiningOp();
            producer && !next->isAncestor(producer))
          producers.insert(producer);
    });
    llvm::erase(dead, next);
    next->erase();
    dead.append(producers.begin(), producers.end());
  }
}
