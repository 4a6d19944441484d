//===- ModelAttention.cpp - attention over a cache in linalg --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "ModelOps.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

#include <limits>

using namespace mlir;
using namespace qopt;

//===----------------------------------------------------------------------===//
// The cache
//===----------------------------------------------------------------------===//

namespace {
enum class Half : int64_t { Keys = 0, Values = 1 };

/// The cache of one layer during one call.
struct LayerCache {
  CacheBuffers buffers;
  Value layer, past, total; // index: positions before this call, and after it

  void append(ImplicitLocOpBuilder &b, Half half, Value rows) const;
  Value all(ImplicitLocOpBuilder &b, Half half, int64_t channels) const;

private:
  Value part(ImplicitLocOpBuilder &b, Half half, OpFoldResult first,
             OpFoldResult count, int64_t channels) const;
};
} // namespace

/// [count, channels] from position `first` on.
Value LayerCache::part(ImplicitLocOpBuilder &b, Half half, OpFoldResult first,
                       OpFoldResult count, int64_t channels) const {
  Extents offsets = {layer, b.getIndexAttr(int64_t(half)), first,
                     b.getIndexAttr(0)},
          sizes = {b.getIndexAttr(1), b.getIndexAttr(1), count,
                   b.getIndexAttr(channels)},
          strides(4, b.getIndexAttr(1));
  int64_t rows = getConstantIntValue(count).value_or(ShapedType::kDynamic);
  auto type = cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(
      {rows, channels}, cast<MemRefType>(buffers.numbers.getType()), offsets,
      sizes, strides));
  return memref::SubViewOp::create(b, type, buffers.numbers, offsets, sizes,
                                   strides);
}

void LayerCache::append(ImplicitLocOpBuilder &b, Half half, Value rows) const {
  auto type = cast<RankedTensorType>(rows.getType());
  Value source = bufferization::ToBufferOp::create(
      b, MemRefType::get(type.getShape(), type.getElementType()), rows,
      /*read_only=*/true);
  Value target =
      part(b, half, past, tensor::getMixedSize(b, b.getLoc(), rows, 0),
           type.getDimSize(1));
  memref::CopyOp::create(b, source, target);
}

Value LayerCache::all(ImplicitLocOpBuilder &b, Half half,
                      int64_t channels) const {
  Value seen = part(b, half, b.getIndexAttr(0), total, channels);
  return bufferization::ToTensorOp::create(
      b,
      RankedTensorType::get({ShapedType::kDynamic, channels}, b.getF32Type()),
      seen, /*restrict=*/true);
}

static LayerCache open(ImplicitLocOpBuilder &b, llm::AttentionOp op,
                       const CacheBuffers &buffers) {
  LayerCache cache{buffers, constantIndex(b, op.getLayer()), {}, {}};
  Value length = memref::LoadOp::create(b, buffers.lengths, cache.layer);
  cache.past = arith::IndexCastOp::create(b, b.getIndexType(), length);
  Value tokens = tensor::DimOp::create(b, op.getQuery(), 0);
  cache.total = arith::AddIOp::create(b, cache.past, tokens);
  Value capacity = memref::DimOp::create(b, buffers.numbers, 2);
  Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, cache.total,
                                     capacity);
  cf::AssertOp::create(b, fits, "the cache of keys and values is full");
  Value longer = arith::IndexCastOp::create(b, b.getI64Type(), cache.total);
  memref::StoreOp::create(b, longer, buffers.lengths, cache.layer);
  return cache;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// Whether the query of this call's token `t` sees position `s`.
static Value isSeen(ImplicitLocOpBuilder &b, llm::AttentionOp op,
                    const LayerCache &cache, Value t, Value s) {
  Value own = arith::AddIOp::create(b, cache.past, t);
  Value seen = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, s, own);
  if (!op.getWindow())
    return seen;
  Value last =
      arith::AddIOp::create(b, s, constantIndex(b, int64_t(*op.getWindow())));
  return arith::AndIOp::create(
      b, seen, arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, last, own));
}

Value qopt::lowerAttention(ImplicitLocOpBuilder &b, llm::AttentionOp op,
                           const CacheBuffers &buffers) {
  const int64_t heads = op.getHeads(), kvHeads = op.getKvHeads();
  const int64_t keyChannels = op.getKey().getType().getDimSize(1),
                valueChannels = op.getValue().getType().getDimSize(1);
  LayerCache cache = open(b, op, buffers);
  cache.append(b, Half::Keys, op.getKey());
  cache.append(b, Half::Values, op.getValue());
  Value keys = splitChannels(b, cache.all(b, Half::Keys, keyChannels),
                             keyChannels / kvHeads);
  Value values = splitChannels(b, cache.all(b, Half::Values, valueChannels),
                               valueChannels / kvHeads);
  Value queries = splitChannels(b, op.getQuery(), keyChannels / kvHeads);

  // Scores [tokens, heads, positions]; head h reads key and value head
  // h / (heads / kvHeads).
  AffineExpr t = b.getAffineDimExpr(0), h = b.getAffineDimExpr(1),
             third = b.getAffineDimExpr(2), sum = b.getAffineDimExpr(3);
  AffineExpr shared = h.floorDiv(heads / kvHeads);
  OpFoldResult tokens = tensor::getMixedSize(b, b.getLoc(), op.getQuery(), 0);
  Extents scoreExtents = {tokens, b.getIndexAttr(heads), cache.total};
  auto addProduct = [](ImplicitLocOpBuilder &inner, ValueRange read) {
    return arith::AddFOp::create(
        inner, read[2], arith::MulFOp::create(inner, read[0], read[1]));
  };
  Value products = reduceElements(
      b, scoreExtents, b.getF32FloatAttr(0),
      {{queries, {t, h, sum}}, {keys, {third, shared, sum}}}, addProduct);
  Value scores = mapElements(
      b, scoreExtents, {{products, {t, h, third}}},
      [&](ImplicitLocOpBuilder &inner, ValueRange read) {
        Value score = arith::MulFOp::create(
            inner, read[0], constantF32(inner, op.getScale().convertToFloat()));
        if (op.getSoftcap()) {
          Value cap = constantF32(inner, op.getSoftcap()->convertToFloat());
          score = arith::DivFOp::create(inner, score, cap);
          score = math::TanhOp::create(inner, score);
          score = arith::MulFOp::create(inner, score, cap);
        }
        Value seen = isSeen(inner, op, cache, linalg::IndexOp::create(inner, 0),
                            linalg::IndexOp::create(inner, 2));
        return arith::SelectOp::create(
            inner, seen, score,
            constantF32(inner, -std::numeric_limits<float>::infinity()));
      });
  Softmax softmax = softmaxOf(b, scores);
  Extents extents = {tokens, b.getIndexAttr(heads),
                     b.getIndexAttr(valueChannels / kvHeads)};
  Value sums = reduceElements(
      b, extents, b.getF32FloatAttr(0),
      {{softmax.powers, {t, h, sum}}, {values, {sum, shared, third}}},
      addProduct);
  Value output =
      mapElements(b, extents, {{sums, {t, h, third}}, {softmax.sums, {t, h}}},
                  [](ImplicitLocOpBuilder &inner, ValueRange read) {
                    return arith::DivFOp::create(inner, read[0], read[1]);
                  });
  return joinChannels(b, output);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static bool isCache(Value value) {
  return isa<llm::KVCacheType>(value.getType());
}

Result<CacheArguments> qopt::addCacheArguments(ModuleOp module) {
  std::string culprit;
  module.walk([&](Operation *op) {
    auto function = dyn_cast<func::FuncOp>(op);
    bool fine = !llvm::any_of(op->getResults(), isCache) &&
                (!llvm::any_of(op->getOperands(), isCache) ||
                 isa<func::CallOp, llm::AttentionOp>(op)) &&
                !(function && function.isExternal() &&
                  llvm::any_of(function.getArgumentTypes(),
                               llvm::IsaPred<llm::KVCacheType>));
    for (Region &region : op->getRegions())
      for (Block &block : region)
        fine &= !llvm::any_of(block.getArguments(), isCache) ||
                (function && block.isEntryBlock());
    if (!fine && culprit.empty())
      culprit = op->getName().getStringRef().str();
  });
  if (!culprit.empty())
    return badInput("'", culprit,
                    "' uses a cache, and only calls, attentions and the "
                    "functions around them can be lowered");
  MLIRContext *context = module.getContext();
  constexpr int64_t any = ShapedType::kDynamic;
  Type numbers = MemRefType::get({any, 2, any, any}, Float32Type::get(context)),
       lengths = MemRefType::get({any}, IntegerType::get(context, 64));
  CacheArguments made;
  module.walk([&](func::FuncOp function) {
    if (function.isExternal())
      return; // no arguments as values
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      if (!isCache(function.getArgument(i)))
        continue;
      Location location = function.getArgument(i).getLoc();
      (void)function.insertArgument(i + 1, numbers, {}, location);
      (void)function.insertArgument(i + 2, lengths, {}, location);
      made[function.getArgument(i)] = {function.getArgument(i + 1),
                                       function.getArgument(i + 2)};
    }
  });
  module.walk([&](func::CallOp call) {
    SmallVector<Value> operands;
    for (Value operand : call.getOperands()) {
      operands.push_back(operand);
      if (isCache(operand))
        operands.append({made[operand].numbers, made[operand].lengths});
    }
    call.getOperandsMutable().assign(operands);
  });
  return made;
}

void qopt::eraseCacheArguments(ModuleOp module) {
  // Calls pass caches on without using them.
  bool used = false;
  module.walk([&](llm::AttentionOp) { used = true; });
  if (used)
    return;
  module.walk([&](func::CallOp call) {
    SmallVector<Value> operands(llvm::make_filter_range(
        call.getOperands(), [](Value value) { return !isCache(value); }));
    call.getOperandsMutable().assign(operands);
  });
  module.walk([&](func::FuncOp function) {
    if (function.isExternal())
      return;
    llvm::BitVector caches(function.getNumArguments());
    for (BlockArgument argument : function.getArguments())
      caches[argument.getArgNumber()] = isCache(argument);
    (void)function.eraseArguments(caches);
  });
}
