//===- QOptViews.cpp - float weights seen through transformations --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptAttrs.h"
#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/Numerics/WeightView.h"

using namespace mlir;
using namespace qopt;

LogicalResult SliceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                Axis, int64_t offset, int64_t size) {
  if (offset < 0 || size < 1)
    return emitError() << "a slice needs offset >= 0 and size >= 1";
  return success();
}

LogicalResult PermuteAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  Axis, DenseI64ArrayAttr order) {
  llvm::SmallVector<bool> seen(order.size());
  for (int64_t index : order.asArrayRef()) {
    if (index < 0 || index >= order.size() || seen[index])
      return emitError() << "order is not a permutation of 0 to "
                         << order.size() - 1;
    seen[index] = true;
  }
  return success();
}

LogicalResult ScaleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                Axis, ElementsAttr factors) {
  if (factors.getShapedType().getRank() != 1 ||
      !factors.getElementType().isF32())
    return emitError() << "factors must be a 1-D f32 elements attribute";
  return success();
}

LogicalResult ClipAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t group, ElementsAttr steps) {
  if (group < 1)
    return emitError() << "a clip needs groups of at least one column";
  auto dense = dyn_cast<DenseElementsAttr>(steps);
  if (!dense || dense.getType().getRank() != 2 ||
      !dense.getElementType().isInteger(8))
    return emitError() << "steps must be a 2-D i8 dense attribute";
  for (int8_t step : dense.getValues<int8_t>())
    if (step < 0 || step >= clipSteps)
      return emitError() << "steps must be 0 to " << clipSteps - 1 << ", not "
                         << int(step);
  return success();
}

/// Applies one step to a shape [rows, columns].
static LogicalResult applyStep(function_ref<InFlightDiagnostic()> emitError,
                               Attribute step, MutableArrayRef<int64_t> shape) {
  if (isa<TransposeAttr>(step)) {
    std::swap(shape[0], shape[1]);
    return success();
  }
  if (auto slice = dyn_cast<SliceAttr>(step)) {
    int64_t &extent = shape[int(slice.getAxis())];
    // Written without a sum that could wrap.
    if (slice.getOffset() > extent ||
        slice.getSize() > extent - slice.getOffset())
      return emitError() << step << " leaves the " << extent << " "
                         << stringifyAxis(slice.getAxis());
    extent = slice.getSize();
    return success();
  }
  auto checkLength = [&](Axis axis, int64_t length) -> LogicalResult {
    if (length != shape[int(axis)])
      return emitError() << "a view of " << length << " entries on "
                         << shape[int(axis)] << " " << stringifyAxis(axis);
    return success();
  };
  if (auto permute = dyn_cast<PermuteAttr>(step))
    return checkLength(permute.getAxis(), permute.getOrder().size());
  if (auto scale = dyn_cast<ScaleAttr>(step))
    return checkLength(scale.getAxis(), scale.getFactors().getNumElements());
  if (auto clip = dyn_cast<ClipAttr>(step)) {
    int64_t groups = llvm::divideCeil(shape[1], clip.getGroup());
    if (clip.getSteps().getShapedType().getShape() !=
        ArrayRef<int64_t>({shape[0], groups}))
      return emitError() << "a clip of " << shape[0] << " rows in " << groups
                         << " groups needs as many steps";
    return success();
  }
  return emitError() << step << " is not a view step";
}

/// A vector is one row.
static SmallVector<int64_t> matrixShape(ShapedType type) {
  SmallVector<int64_t> shape(type.getShape());
  if (shape.size() == 1)
    shape.insert(shape.begin(), 1);
  return shape;
}

LogicalResult ViewAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               Attribute base, ShapedType of, ArrayAttr steps) {
  if (isa<ViewAttr>(base))
    return emitError() << "views do not nest: append steps to the chain";
  bool weight =
      isa<QuantType, PackedType>(of) ||
      (isa<RankedTensorType>(of) && isa<FloatType>(of.getElementType()));
  if (!weight || !of.hasStaticShape() || of.getRank() < 1 || of.getRank() > 2)
    return emitError() << "the base of a view must be a static float vector "
                          "or matrix or a quantized weight, not "
                       << of;
  SmallVector<int64_t> shape = matrixShape(of);
  for (Attribute step : steps) {
    if (isa<ClipAttr>(step) && step != steps.getValue().back())
      return emitError() << "a clip must be the last step of a view";
    if (failed(applyStep(emitError, step, shape)))
      return failure();
  }
  if (of.getRank() == 1 && shape[0] != 1)
    return emitError() << "a view of a vector must stay one";
  return success();
}

SmallVector<int64_t> ViewAttr::getResultShape() const {
  SmallVector<int64_t> shape = matrixShape(getOf());
  for (Attribute step : getSteps())
    (void)applyStep(nullptr, step, shape); // holds since verify()
  if (getOf().getRank() == 1)
    shape.erase(shape.begin());
  return shape;
}
