//===- LowerQOptToLinalg.cpp - reference lowering to upstream dialects ---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   %w = ml_program.global_load_const @w : !qopt.quant<NxKxf16, #scheme>
//   %y = qopt.linear %x, %w : tensor<MxKxf32>, … -> tensor<MxNxf32>
//
// becomes
//
//   %codes, %scales = arith.constant …
//   %y = linalg.generic ins(%x, %codes, %scales) outs(zeros or the bias)
//          over (m, n, k): y[m, n] += x[m, k] · s[n, k / group] · (q[n, k] - z)
//
//===----------------------------------------------------------------------===//
#include "ModelOps.h"
#include "QuantTypes.h"
#include "WeightConstants.h"
#include "WeightElement.h"

#include "../PassSupport.h"

#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Transforms/Passes.h"
#include "qopt/Transforms/SortColumns.h"
#include "qopt/Weights/WeightLoads.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace qopt {
#define GEN_PASS_DEF_LOWERQOPTTOLINALG
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

using utils::IteratorType;

class Lowering {
public:
  Lowering(ModuleOp module, bool quantTypes)
      : module(module), constants(module, getQuantizationContext(module)),
        quantTypes(quantTypes) {}

  Status lowerAll();
  int64_t lowered = 0, kept = 0;

private:
  Result<Value> lower(LinearOp linear);
  Result<Value> lower(DequantizeOp dequantize);
  Result<Value> lower(ComponentOp component);
  Result<Value> lowerModelOp(Operation *op);
  Result<WeightElement> element(ImplicitLocOpBuilder &b, Value weight);
  Status replaceFloatLoads();
  void eraseUnusedWeights();
  void eraseAttributes();

  ModuleOp module;
  WeightConstants constants;
  Result<CacheArguments> caches = CacheArguments();
  bool quantTypes;
};

/// The weight as it is read in a generic that is built behind the builder.
Result<WeightElement> Lowering::element(ImplicitLocOpBuilder &b, Value weight) {
  SchemeAttrInterface scheme = weightScheme(weight.getType());
  if (!scheme)
    return floatElement(weight);
  if (quantTypes)
    if (auto grouped = dyn_cast<GroupedAttr>(scheme)) {
      QOPT_ASSIGN(GroupedMatrix matrix, constants.grouped(weight));
      if (Value floats = dequantizedByQuantDialect(b, matrix))
        return floatElement(floats);
      emitRemark(b.getLoc(), "the quant dialect cannot express ")
          << scheme << " of this shape";
    }
  QOPT_ASSIGN(SmallVector<Value> arrays, constants.arrays(b, weight));
  return schemeElement(
      b, scheme, cast<ShapedType>(weight.getType()).getDimSize(1), arrays);
}

/// W[n, k], where n and k are the loops `first` and `first` + 1.
Value emitElement(ImplicitLocOpBuilder &b, const WeightElement &weight,
                  ValueRange read, int64_t first) {
  auto row = linalg::IndexOp::create(b, first);
  auto column = linalg::IndexOp::create(b, first + 1);
  Value element = weight.emit(b, read, row, column);
  for (linalg::IndexOp index : {row, column})
    if (index->use_empty())
      index->erase();
  return element;
}

/// Zeros, or the bias repeated, in the shape of the output.
Value initialOutput(ImplicitLocOpBuilder &b, LinearOp linear) {
  RankedTensorType type = linear.getOutput().getType();
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(b, b.getLoc(), linear.getInput());
  extents.back() = b.getIndexAttr(type.getShape().back());
  Value empty = tensor::EmptyOp::create(b, extents, b.getF32Type());
  TypedValue<RankedTensorType> bias = linear.getBias();
  if (!bias) {
    Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
    return linalg::FillOp::create(b, zero, empty)->getResult(0);
  }
  AffineMap all = b.getMultiDimIdentityMap(type.getRank());
  AffineMap last = all.getMinorIdentityMap(type.getRank(), 1, b.getContext());
  SmallVector<IteratorType> loops(type.getRank(), IteratorType::parallel);
  return linalg::GenericOp::create(
             b, type, ValueRange(bias), ValueRange(empty),
             ArrayRef<AffineMap>{last, all}, loops,
             [](OpBuilder &builder, Location location, ValueRange read) {
               Value value = read[0];
               if (!value.getType().isF32())
                 value = arith::ExtFOp::create(builder, location,
                                               builder.getF32Type(), value);
               linalg::YieldOp::create(builder, location, value);
             })
      ->getResult(0);
}

Result<Value> Lowering::lower(LinearOp linear) {
  ImplicitLocOpBuilder b(linear.getLoc(), linear);
  QOPT_ASSIGN(WeightElement weight, element(b, linear.getWeight()));
  RankedTensorType type = linear.getOutput().getType();
  // Loops: the leading dimensions, n, k.
  const unsigned rank = type.getRank(), loops = rank + 1;
  SmallVector<AffineExpr> dims;
  for (unsigned i = 0; i < loops; ++i)
    dims.push_back(b.getAffineDimExpr(i));
  AffineExpr n = dims[rank - 1], k = dims[rank];
  SmallVector<AffineExpr> input(dims.begin(), dims.begin() + (rank - 1));
  input.push_back(k);
  SmallVector<AffineMap> maps = {
      AffineMap::get(loops, 0, input, b.getContext())};
  for (AffineMap map : weight.maps)
    maps.push_back(map.replaceDimsAndSymbols({n, k}, {}, loops, 0));
  maps.push_back(
      AffineMap::get(loops, 0, ArrayRef(dims).drop_back(), b.getContext()));
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  iterators.push_back(IteratorType::reduction);

  SmallVector<Value> operands = {linear.getInput()};
  operands.append(weight.operands);
  auto body = [&](OpBuilder &builder, Location location, ValueRange read) {
    ImplicitLocOpBuilder inner(location, builder);
    Value w =
        emitElement(inner, weight, read.drop_front().drop_back(), rank - 1);
    Value product = arith::MulFOp::create(inner, read.front(), w);
    Value sum = arith::AddFOp::create(inner, read.back(), product);
    linalg::YieldOp::create(inner, sum);
  };
  return linalg::GenericOp::create(b, type, operands, initialOutput(b, linear),
                                   maps, iterators, body)
      ->getResult(0);
}

Result<Value> Lowering::lower(DequantizeOp dequantize) {
  ImplicitLocOpBuilder b(dequantize.getLoc(), dequantize);
  QOPT_ASSIGN(WeightElement weight, element(b, dequantize.getWeight()));
  RankedTensorType type = dequantize.getOutput().getType();
  Value empty = tensor::EmptyOp::create(b, type.getShape(), b.getF32Type());
  SmallVector<AffineMap> maps(weight.maps);
  maps.push_back(b.getMultiDimIdentityMap(2));
  SmallVector<IteratorType> iterators(2, IteratorType::parallel);
  auto body = [&](OpBuilder &builder, Location location, ValueRange read) {
    ImplicitLocOpBuilder inner(location, builder);
    linalg::YieldOp::create(inner,
                            emitElement(inner, weight, read.drop_back(), 0));
  };
  return linalg::GenericOp::create(b, type, weight.operands, empty, maps,
                                   iterators, body)
      ->getResult(0);
}

Result<Value> Lowering::lower(ComponentOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  QOPT_ASSIGN(
      SmallVector<Value> arrays,
      constants.arrays(b, op.getWeight(), WeightConstants::Arrays::OfType));
  std::vector<Component> components =
      weightComponents(cast<ShapedType>(op.getWeight().getType()));
  for (auto [component, array] : llvm::zip_equal(components, arrays))
    if (StringRef(component.suffix) == op.getName())
      return bufferization::ToBufferOp::create(b, op.getOutput().getType(),
                                               array, /*read_only=*/true)
          .getResult();
  return internalError("the verifier knows every component");
}

/// An op of the `llm` dialect.
Result<Value> Lowering::lowerModelOp(Operation *op) {
  for (Type type : op->getOperandTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type);
        tensor && tensor.getRank() == 2 && tensor.isDynamicDim(1))
      return badInput("its number of channels is not known");
  ImplicitLocOpBuilder b(op->getLoc(), op);
  using Lowered = Result<Value>;
  return llvm::TypeSwitch<Operation *, Lowered>(op)
      .Case([&](llm::EmbeddingOp embedding) -> Lowered {
        QOPT_ASSIGN(WeightElement table, element(b, embedding.getTable()));
        return lowerEmbedding(b, embedding, table);
      })
      .Case([&](llm::AttentionOp attention) -> Lowered {
        if (!caches)
          return tl::unexpected(caches.error());
        return lowerAttention(b, attention, caches->at(attention.getCache()));
      })
      .Case([&](llm::RmsNormOp norm) { return lowerRmsNorm(b, norm); })
      .Case([&](llm::LayerNormOp norm) { return lowerLayerNorm(b, norm); })
      .Case([&](llm::RopeOp rope) { return lowerRope(b, rope); })
      .Case([&](llm::GatedOp gated) { return lowerGated(b, gated); })
      .Case([&](llm::SoftcapOp softcap) { return lowerSoftcap(b, softcap); })
      .Case([&](llm::SliceOp slice) { return lowerSlice(b, slice); })
      .Case([&](llm::RouteOp route) { return lowerRoute(b, route); })
      .Case(
          [&](llm::DispatchOp dispatch) { return lowerDispatch(b, dispatch); })
      .Case([&](llm::CombineOp combine) { return lowerCombine(b, combine); })
      .Default([](Operation *) -> Lowered {
        return badInput("there is no lowering of it");
      });
}

/// Upstream has no lowering of ml_program.global: floats become constants.
Status Lowering::replaceFloatLoads() {
  SymbolTable symbols(module);
  SmallVector<ml_program::GlobalLoadConstOp> loads;
  module.walk([&](ml_program::GlobalLoadConstOp load) {
    if (isa<RankedTensorType>(load.getType()))
      loads.push_back(load);
  });
  for (ml_program::GlobalLoadConstOp load : loads) {
    auto global = symbols.lookup<ml_program::GlobalOp>(
        load.getGlobal().getLeafReference());
    auto type = global ? dyn_cast<RankedTensorType>(global.getType())
                       : RankedTensorType();
    if (!type || !type.getElementType().isFloat() || !global.getValueAttr() ||
        !type.hasStaticShape() || type.getRank() < 1 || type.getRank() > 2)
      continue;
    QOPT_ASSIGN(TypedAttr value, constants.floats(global));
    OpBuilder builder(load);
    load.replaceAllUsesWith(
        arith::ConstantOp::create(builder, load.getLoc(), value).getResult());
    load.erase();
  }
  return {};
}

void Lowering::eraseUnusedWeights() {
  module.walk([](ml_program::GlobalLoadConstOp load) {
    if (load->use_empty())
      load.erase();
  });
  DenseSet<StringAttr> used = referencedSymbols(module);
  bool refersToFiles = false;
  for (auto global :
       llvm::make_early_inc_range(module.getOps<ml_program::GlobalOp>())) {
    if (global.isPrivate() && !used.contains(global.getSymNameAttr()))
      global.erase();
    else if (Attribute value = global.getValueAttr())
      value.walk([&](ExternAttr) { refersToFiles = true; });
  }
  if (!refersToFiles)
    module->removeAttr(QOptDialect::kSources);
}

static bool isOurs(Dialect *dialect) {
  return isa_and_nonnull<QOptDialect, llm::LLMDialect>(dialect);
}

/// What a compiler that does not know our dialects could not read, if nothing
/// else of them is left.
void Lowering::eraseAttributes() {
  bool left = false;
  auto isOurType = [](Type type) { return isOurs(&type.getDialect()); };
  module.walk([&](Operation *op) {
    left |= isOurs(op->getDialect()) ||
            llvm::any_of(op->getResultTypes(), isOurType);
    if (auto function = dyn_cast<FunctionOpInterface>(op))
      left |= llvm::any_of(function.getArgumentTypes(), isOurType);
    if (auto global = dyn_cast<ml_program::GlobalOp>(op))
      left |= isOurType(global.getType());
  });
  if (left)
    return;
  module.walk([](Operation *op) {
    for (NamedAttribute attribute : llvm::to_vector(op->getDiscardableAttrs()))
      if (isOurs(attribute.getNameDialect()))
        op->removeDiscardableAttr(attribute.getName());
  });
}

Status Lowering::lowerAll() {
  QOPT_CHECK(replaceFloatLoads());
  caches = addCacheArguments(module);
  SmallVector<Operation *> ops;
  module.walk([&](Operation *op) {
    if (isOurs(op->getDialect()) && op->getNumResults() == 1)
      ops.push_back(op);
  });
  for (Operation *op : ops) {
    Result<Value> result =
        llvm::TypeSwitch<Operation *, Result<Value>>(op)
            .Case<LinearOp, DequantizeOp, ComponentOp>(
                [&](auto typed) { return lower(typed); })
            .Case([](PermuteChannelsOp permute) {
              ImplicitLocOpBuilder b(permute.getLoc(), permute);
              return lowerPermuteChannels(b, permute);
            })
            .Default([&](Operation *other) { return lowerModelOp(other); });
    if (!result) {
      ++kept;
      emitRemark(op->getLoc(), "stays, because ") << result.error().message;
      continue;
    }
    ++lowered;
    op->getResult(0).replaceAllUsesWith(*result);
    op->erase();
  }
  eraseCacheArguments(module);
  eraseUnusedWeights();
  eraseAttributes();
  return {};
}

struct LowerQOptToLinalgPass
    : qopt::impl::LowerQOptToLinalgBase<LowerQOptToLinalgPass> {
  using LowerQOptToLinalgBase::LowerQOptToLinalgBase;

  void runOnOperation() override {
    Lowering lowering(getOperation(), quantTypes);
    Status status = lowering.lowerAll();
    loweredOps += lowering.lowered;
    keptOps += lowering.kept;
    if (failed(emitStatus(getOperation(), status)))
      signalPassFailure();
  }
};

} // namespace
