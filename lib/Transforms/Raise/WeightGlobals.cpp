//===- WeightGlobals.cpp - strided constants as weights of linears -------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WeightGlobals.h"

#include "qopt/Dialect/QOpt/QOptAttrs.h"

#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace qopt;

using Dimension = StridedWeight::Dimension;

namespace {
/// The constant seen as a matrix [rows, columns], and the rectangle of it that
/// is the weight, which may lie transposed.
struct Rectangle {
  int64_t rows, columns;
  int64_t row, column, height, width;
  bool transposed;
};
} // namespace

/// The rectangle in rows of `columns` elements, if it is one.
static std::optional<Rectangle> rectangleIn(const StridedWeight &weight,
                                            int64_t columns, Dimension down,
                                            Dimension across, bool transposed) {
  int64_t total = weight.baseType.getNumElements();
  if (columns < 1 || total % columns != 0 ||
      (across.size > 1 && across.stride != 1) ||
      (down.size > 1 && down.stride != columns))
    return {};
  Rectangle found{total / columns,
                  columns,
                  weight.offset / columns,
                  weight.offset % columns,
                  down.size,
                  across.size,
                  transposed};
  if (found.row + found.height > found.rows ||
      found.column + found.width > found.columns)
    return {};
  return found;
}

static std::optional<Rectangle>
findRectangle(const StridedWeight &weight, Dimension rows, Dimension columns) {
  // A value that is not plain data keeps its shape.
  bool plain = isa<DenseElementsAttr, DenseResourceElementsAttr>(weight.base);
  if (!plain && weight.baseType.getRank() != 2)
    return {};
  SmallVector<int64_t> widths = {weight.baseType.getShape().back()};
  if (plain)
    widths.append({rows.stride, columns.stride, columns.size, rows.size,
                   weight.baseType.getNumElements()});
  for (int64_t width : widths) {
    if (auto found = rectangleIn(weight, width, rows, columns, false))
      return found;
    if (auto found = rectangleIn(weight, width, columns, rows, true))
      return found;
  }
  return {};
}

/// The same numbers under another shape.
static Attribute reshaped(Attribute value, RankedTensorType type) {
  if (auto dense = dyn_cast<DenseElementsAttr>(value))
    return dense.reshape(type);
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  return value;
}

/// The value of the global: the constant, or a view of it.
static Attribute rectangleValue(const StridedWeight &weight,
                                const Rectangle &rectangle) {
  MLIRContext *context = weight.baseType.getContext();
  Attribute base = weight.base;
  ShapedType baseType = RankedTensorType::get(
      {rectangle.rows, rectangle.columns}, weight.baseType.getElementType());
  base = reshaped(base, cast<RankedTensorType>(baseType));
  SmallVector<Attribute> steps;
  if (auto view = dyn_cast<ViewAttr>(base)) {
    steps.append(view.getSteps().begin(), view.getSteps().end());
    baseType = view.getOf();
    base = view.getBase();
  }
  if (rectangle.height != rectangle.rows)
    steps.push_back(
        SliceAttr::get(context, Axis::Rows, rectangle.row, rectangle.height));
  if (rectangle.width != rectangle.columns)
    steps.push_back(SliceAttr::get(context, Axis::Columns, rectangle.column,
                                   rectangle.width));
  if (rectangle.transposed)
    steps.push_back(TransposeAttr::get(context));
  if (steps.empty())
    return base;
  return ViewAttr::get(context, base, baseType, ArrayAttr::get(context, steps));
}

/// A new private symbol, at the start of the module or behind another.
ml_program::GlobalOp WeightGlobals::insert(Location location, StringRef name,
                                           Attribute value,
                                           RankedTensorType type,
                                           Operation *after) {
  OpBuilder builder(symbols.getOp()->getContext());
  auto global = ml_program::GlobalOp::create(builder, location, name, type,
                                             /*is_mutable=*/false, value,
                                             builder.getStringAttr("private"));
  Block &body = symbols.getOp()->getRegion(0).front();
  symbols.insert(global, after
                             ? Block::iterator(std::next(after->getIterator()))
                             : body.begin());
  return global;
}

ml_program::GlobalOp WeightGlobals::global(Location location,
                                           const StridedWeight &weight,
                                           Attribute value,
                                           RankedTensorType type) {
  auto known = dyn_cast_or_null<ml_program::GlobalOp>(weight.symbol);
  if (known && known.getValueAttr() == value && known.getType() == type)
    return known;
  ml_program::GlobalOp &global = made[{value, type}];
  if (!global)
    global =
        insert(location, known ? known.getSymName().str() + "_view" : "weight",
               value, type, known);
  return global;
}

static Value loadOf(ImplicitLocOpBuilder &b, ml_program::GlobalOp global) {
  return ml_program::GlobalLoadConstOp::create(
      b, global.getType(), FlatSymbolRefAttr::get(global.getSymNameAttr()));
}

Value WeightGlobals::load(ImplicitLocOpBuilder &b, const StridedWeight &weight,
                          Dimension rows, Dimension columns) {
  auto rectangle = findRectangle(weight, rows, columns);
  if (!rectangle)
    return {};
  auto type = RankedTensorType::get({rows.size, columns.size},
                                    weight.baseType.getElementType());
  return loadOf(
      b, global(b.getLoc(), weight, rectangleValue(weight, *rectangle), type));
}

Value WeightGlobals::loadVector(ImplicitLocOpBuilder &b,
                                const StridedWeight &weight) {
  int64_t count = weight.baseType.getNumElements();
  SmallVector<Dimension> dimensions = weight.dimensions;
  llvm::erase_if(dimensions, [](Dimension part) { return part.size == 1; });
  bool whole =
      count == 1 || (dimensions.size() == 1 && dimensions[0].size == count &&
                     dimensions[0].stride == 1);
  auto type = RankedTensorType::get({count}, weight.baseType.getElementType());
  if (!whole || (weight.symbol && weight.baseType != type))
    return {};
  Attribute value = reshaped(weight.base, type);
  return loadOf(b, weight.symbol
                       ? global(b.getLoc(), weight, value, type)
                       : insert(b.getLoc(), "weight", value, type, nullptr));
}

Value WeightGlobals::ones(ImplicitLocOpBuilder &b, int64_t count) {
  auto type = RankedTensorType::get({count}, b.getF32Type());
  return loadOf(b, insert(b.getLoc(), "weight",
                          SplatElementsAttr::get(type, 1.0f), type, nullptr));
}
