//===- WeightTrace.cpp - from an operand back to constant numbers --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WeightTrace.h"
#include "ElementwiseBody.h"

#include "qopt/Dialect/QOpt/QOptAttrs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

using Dimension = StridedWeight::Dimension;
using Traced = std::optional<StridedWeight>;

static bool isWeightFloat(Type type) {
  return isa<Float16Type, BFloat16Type, Float32Type>(type);
}

/// The whole of a value.
static Traced wholeOf(Attribute value, Type type, Operation *symbol) {
  auto tensorType = dyn_cast<RankedTensorType>(type);
  if (!value || !tensorType || !tensorType.hasStaticShape() ||
      tensorType.getRank() == 0 || !isWeightFloat(tensorType.getElementType()))
    return {};
  StridedWeight weight{value, tensorType, symbol, 0, {}};
  int64_t stride = 1;
  for (int64_t size : llvm::reverse(tensorType.getShape())) {
    weight.dimensions.insert(weight.dimensions.begin(), {size, stride});
    stride *= size;
  }
  return weight;
}

/// A symbol that an op without operands loads, and that keeps its value:
/// ml_program.global, or what other compilers have in its place.
static Traced traceSymbol(Operation *load) {
  if (load->getNumOperands() != 0 || load->getNumResults() != 1)
    return {};
  SymbolRefAttr reference;
  NamedAttrList attributes(load->getAttrDictionary());
  // Of an op that is not registered, they are not among the attributes.
  if (!load->isRegistered())
    if (auto properties =
            dyn_cast_or_null<DictionaryAttr>(load->getPropertiesAsAttribute()))
      attributes.append(properties.getValue());
  for (NamedAttribute attribute : attributes)
    if (auto symbol = dyn_cast<SymbolRefAttr>(attribute.getValue())) {
      if (reference)
        return {};
      reference = symbol;
    }
  Operation *symbol =
      reference ? SymbolTable::lookupNearestSymbolFrom(load, reference)
                : nullptr;
  if (!symbol || symbol->hasAttr("is_mutable"))
    return {};
  Type type = load->getResult(0).getType();
  if (auto global = dyn_cast<ml_program::GlobalOp>(symbol)) {
    if (global.getType() != type)
      return {};
    return wholeOf(global.getValueAttr(), type, symbol);
  }
  for (StringRef name : {"initial_value", "value"})
    if (auto value = symbol->getAttrOfType<ElementsAttr>(name))
      if (value.getType() == type)
        return wholeOf(value, type, nullptr);
  return {};
}

/// Adjacent dimensions as one; nothing if no single stride walks through them.
static std::optional<Dimension> merged(ArrayRef<Dimension> parts) {
  Dimension whole{1, 1};
  bool first = true;
  for (Dimension part : llvm::reverse(parts)) {
    if (part.size == 1)
      continue;
    if (ShapedType::isDynamic(part.size))
      return {};
    if (first)
      whole = part;
    else if (part.stride == whole.stride * whole.size)
      whole.size *= part.size;
    else
      return {};
    first = false;
  }
  return whole;
}

static Traced collapse(StridedWeight weight,
                       ArrayRef<ReassociationIndices> groups) {
  SmallVector<Dimension> dimensions;
  for (const ReassociationIndices &group : groups) {
    auto whole =
        merged(ArrayRef(weight.dimensions).slice(group.front(), group.size()));
    if (!whole)
      return {};
    dimensions.push_back(*whole);
  }
  weight.dimensions = dimensions;
  return weight;
}

static Traced expand(StridedWeight weight,
                     ArrayRef<ReassociationIndices> groups,
                     ArrayRef<int64_t> shape) {
  SmallVector<Dimension> dimensions(shape.size());
  for (auto [whole, group] : llvm::zip_equal(weight.dimensions, groups)) {
    int64_t stride = whole.stride;
    for (int64_t index : llvm::reverse(group)) {
      if (ShapedType::isDynamic(shape[index]))
        return {};
      dimensions[index] = {shape[index], stride};
      stride *= shape[index];
    }
  }
  weight.dimensions = dimensions;
  return weight;
}

/// Any reshape between static shapes: of an unbroken run of numbers.
static Traced reshape(StridedWeight weight, ArrayRef<int64_t> shape) {
  auto whole = merged(weight.dimensions);
  if (!whole || ShapedType::isDynamicShape(shape))
    return {};
  weight.dimensions = {*whole};
  ReassociationIndices all =
      llvm::to_vector(llvm::seq<int64_t>(0, shape.size()));
  return expand(weight, {all}, shape);
}

static Traced slice(StridedWeight weight, tensor::ExtractSliceOp op) {
  if (!llvm::all_of(op.getStaticStrides(),
                    [](int64_t stride) { return stride == 1; }) ||
      ShapedType::isDynamicShape(op.getStaticOffsets()) ||
      ShapedType::isDynamicShape(op.getStaticSizes()))
    return {};
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<Dimension> kept;
  for (auto [i, dimension] : llvm::enumerate(weight.dimensions)) {
    weight.offset += op.getStaticOffsets()[i] * dimension.stride;
    if (!dropped.test(i))
      kept.push_back({op.getStaticSizes()[i], dimension.stride});
  }
  weight.dimensions = kept;
  return weight;
}

/// A linalg op that copies, permutes or repeats its one input.
static Traced copied(StridedWeight weight, linalg::LinalgOp op) {
  AffineMap from = op.getIndexingMapsArray()[0];
  AffineMap to = op.getIndexingMapsArray()[1];
  if (!from.isProjectedPermutation() || !to.isPermutation())
    return {};
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<Dimension> dimensions;
  for (auto [position, loop] : llvm::enumerate(to.getResults())) {
    auto source = from.getResultPosition(loop);
    dimensions.push_back(source ? weight.dimensions[*source]
                                : Dimension{type.getDimSize(position), 0});
  }
  weight.dimensions = dimensions;
  return weight;
}

static Traced permuted(StridedWeight weight, ArrayRef<int32_t> order) {
  SmallVector<Dimension> dimensions;
  for (int32_t source : order)
    dimensions.push_back(weight.dimensions[source]);
  weight.dimensions = dimensions;
  return weight;
}

/// Applies `step` to the trace of a value.
template <typename Step> static Traced behind(Value value, Step step) {
  Traced weight = traceWeight(value);
  return weight ? step(std::move(*weight)) : Traced();
}

static bool isWidening(Type from, Type to) {
  return from == to || (isWeightFloat(getElementTypeOrSelf(from)) &&
                        getElementTypeOrSelf(to).isF32());
}

std::optional<StridedWeight> qopt::traceWeight(Value value) {
  Operation *op = value.getDefiningOp();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!op || !type)
    return {};
  using Weight = StridedWeight;
  return llvm::TypeSwitch<Operation *, Traced>(op)
      .Case<arith::ConstantOp>([&](auto constant) {
        return wholeOf(constant.getValue(), type, nullptr);
      })
      .Case<tosa::ConstOp>([&](auto constant) {
        return wholeOf(constant.getValues(), type, nullptr);
      })
      .Case<arith::ExtFOp>([&](auto cast) {
        return isWidening(cast.getIn().getType(), type)
                   ? traceWeight(cast.getIn())
                   : Traced();
      })
      .Case<tosa::CastOp>([&](auto cast) {
        return isWidening(cast.getInput().getType(), type)
                   ? traceWeight(cast.getInput())
                   : Traced();
      })
      .Case<tensor::CastOp>(
          [&](auto cast) { return traceWeight(cast.getSource()); })
      .Case<tensor::CollapseShapeOp>([&](auto shape) {
        return behind(shape.getSrc(), [&](Weight weight) {
          return collapse(std::move(weight), shape.getReassociationIndices());
        });
      })
      .Case<tensor::ExpandShapeOp>([&](auto shape) {
        return behind(shape.getSrc(), [&](Weight weight) {
          return expand(std::move(weight), shape.getReassociationIndices(),
                        type.getShape());
        });
      })
      .Case<tosa::ReshapeOp>([&](auto shape) {
        return behind(shape.getInput1(), [&](Weight weight) {
          return reshape(std::move(weight), type.getShape());
        });
      })
      .Case<tosa::TransposeOp>([&](auto transpose) {
        return behind(transpose.getInput1(), [&](Weight weight) {
          return permuted(std::move(weight), transpose.getPerms());
        });
      })
      .Case<tensor::ExtractSliceOp>([&](auto extract) {
        return behind(extract.getSource(), [&](Weight weight) {
          return slice(std::move(weight), extract);
        });
      })
      .Case<linalg::LinalgOp>([&](linalg::LinalgOp copy) {
        if (!isCopyOrWidening(copy))
          return Traced();
        return behind(copy.getDpsInputs()[0], [&](Weight weight) {
          return copied(std::move(weight), copy);
        });
      })
      .Default([&](Operation *load) { return traceSymbol(load); });
}

Value qopt::traceRepeatedVector(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return {};
  if (type.getRank() == 1)
    return value;
  auto copy = value.getDefiningOp<linalg::LinalgOp>();
  if (!copy || !isCopyOrWidening(copy))
    return {};
  Value source = copy.getDpsInputs()[0];
  auto sourceType = cast<RankedTensorType>(source.getType());
  AffineMap from = copy.getIndexingMapsArray()[0];
  AffineMap to = copy.getIndexingMapsArray()[1];
  if (sourceType.getRank() != 1 || from.getNumResults() != 1 ||
      to.getNumResults() == 0 || from.getResult(0) != to.getResults().back() ||
      sourceType.getDimSize(0) != type.getShape().back())
    return {};
  return source;
}
