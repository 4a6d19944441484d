//===- Contraction.cpp - finds sums of products --------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Contraction.h"
#include "ElementwiseBody.h"

#include "mlir/Dialect/Tosa/IR/TosaOps.h"

using namespace mlir;
using namespace qopt;

static bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type &&
         isa<Float16Type, BFloat16Type, Float32Type>(type.getElementType());
}

/// Whether the body is `out + a · b`, of its arguments.
static bool sumsProducts(linalg::LinalgOp op) {
  Value yielded = yieldedValue(op);
  auto sum = yielded ? operandsOf<arith::AddFOp>(yielded) : std::nullopt;
  if (!sum)
    return false;
  Block *body = op.getBlock();
  auto [accumulator, other] = *sum;
  if (accumulator != body->getArgument(2))
    std::swap(accumulator, other);
  auto product = operandsOf<arith::MulFOp>(other);
  if (accumulator != body->getArgument(2) || !product)
    return false;
  Value a = beforeWidening(product->first), b = beforeWidening(product->second);
  Value x = body->getArgument(0), y = body->getArgument(1);
  return (a == x && b == y) || (a == y && b == x);
}

/// A map of `op` with sums of one step left out where they add nothing: the
/// place of a pixel plus that in a kernel of one pixel.
static AffineMap withoutUnitSums(AffineMap map, linalg::LinalgOp op) {
  SmallVector<AffineExpr> loops;
  for (auto [loop, size, kind] :
       llvm::enumerate(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    loops.push_back(size == 1 && kind == utils::IteratorType::reduction
                        ? getAffineConstantExpr(0, map.getContext())
                        : getAffineDimExpr(loop, map.getContext()));
  SmallVector<AffineExpr> results;
  for (AffineExpr result : map.getResults())
    results.push_back(isa<AffineDimExpr>(result) ? result
                                                 : result.replaceDims(loops));
  return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
}

static std::optional<Contraction> matchLinalg(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 2 ||
      op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0 ||
      !llvm::all_of(op->getOperands(), isFloatTensor) || !sumsProducts(op))
    return {};
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (AffineMap &map : maps) {
    map = withoutUnitSums(map, op);
    if (!map.isProjectedPermutation())
      return {};
  }
  Value initial = op.getDpsInits()[0];
  return Contraction{
      op,      {op.getDpsInputs()[0], op.getDpsInputs()[1]}, {maps[0], maps[1]},
      maps[2], isZero(initial) ? Value() : initial,          {}};
}

/// Loops b, m, n, k.
static std::optional<Contraction> matchTosa(tosa::MatMulOp op) {
  if (!llvm::all_of(op->getResults(), isFloatTensor) ||
      !isFloatTensor(op.getA()) || !isFloatTensor(op.getB()))
    return {};
  auto map = [&](std::initializer_list<unsigned> loops) {
    return AffineMap::getMultiDimMapWithTargets(4, loops, op.getContext());
  };
  return Contraction{op,
                     {op.getA(), op.getB()},
                     {map({0, 1, 3}), map({0, 3, 2})},
                     map({0, 1, 2}),
                     {},
                     {}};
}

/// Loops batch, height, width, output channel, two of the kernel, input
/// channel.
static std::optional<Contraction> matchTosa(tosa::Conv2DOp op) {
  auto weight = dyn_cast<RankedTensorType>(op.getWeight().getType());
  auto isAll = [](ArrayRef<int64_t> values, int64_t value) {
    return llvm::all_of(values, [=](int64_t v) { return v == value; });
  };
  if (!weight || weight.getDimSize(1) != 1 || weight.getDimSize(2) != 1 ||
      !isAll(op.getPad(), 0) || !isAll(op.getStride(), 1) ||
      !isFloatTensor(op.getInput()) || !isFloatTensor(op.getWeight()) ||
      !isFloatTensor(op.getResult()) || !isFloatTensor(op.getBias()))
    return {};
  auto map = [&](std::initializer_list<unsigned> loops) {
    return AffineMap::getMultiDimMapWithTargets(7, loops, op.getContext());
  };
  auto bias = cast<RankedTensorType>(op.getBias().getType());
  if (bias.getRank() != 1 || bias.getDimSize(0) != weight.getDimSize(0))
    return {};
  return Contraction{op,
                     {op.getInput(), op.getWeight()},
                     {map({0, 1, 2, 6}), map({3, 4, 5, 6})},
                     map({0, 1, 2, 3}),
                     {},
                     isZero(op.getBias()) ? Value() : op.getBias()};
}

std::optional<Contraction> qopt::matchContraction(Operation *op) {
  if (auto generic = dyn_cast<linalg::LinalgOp>(op))
    return matchLinalg(generic);
  if (auto matmul = dyn_cast<tosa::MatMulOp>(op))
    return matchTosa(matmul);
  if (auto convolution = dyn_cast<tosa::Conv2DOp>(op))
    return matchTosa(convolution);
  return {};
}
