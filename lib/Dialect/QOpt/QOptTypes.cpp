//===- QOptTypes.cpp - weights that are no longer floats -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

#define GET_TYPEDEF_CLASSES
#include "qopt/Dialect/QOpt/QOptTypes.cpp.inc"

void QOptDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "qopt/Dialect/QOpt/QOptTypes.cpp.inc"
      >();
}

/// The largest weight that is accepted: far above any model, and small enough
/// that byte sizes cannot overflow.
static constexpr int64_t maxElements = int64_t(1) << 48;

static LogicalResult verifyWeight(function_ref<InFlightDiagnostic()> emitError,
                                  ArrayRef<int64_t> shape, Type elementType,
                                  SchemeAttrInterface scheme) {
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
    return emitError() << "a weight is a matrix [rows, columns] of static "
                          "extents of at least 1";
  if (shape[0] > maxElements / shape[1])
    return emitError() << "a weight has at most 2^48 elements";
  if (!elementType.isF16() && !elementType.isBF16() && !elementType.isF32())
    return emitError() << "the element type of a weight is f16, bf16 or f32, "
                          "not "
                       << elementType;
  return scheme.verifyShape(emitError, shape[0], shape[1]);
}

/// `256x768xf16`
static ParseResult parseShapeAndElementType(AsmParser &parser,
                                            SmallVectorImpl<int64_t> &shape,
                                            Type &elementType) {
  return failure(parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
                 parser.parseType(elementType));
}

/// A required attribute that implements an interface.
template <typename Interface>
static ParseResult parseInterface(AsmParser &parser, Interface &result,
                                  StringRef what) {
  Attribute attribute;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseComma() || parser.parseAttribute(attribute))
    return failure();
  result = dyn_cast<Interface>(attribute);
  if (!result)
    return parser.emitError(location) << attribute << " is not a " << what;
  return success();
}

static void printShapeAndElementType(AsmPrinter &printer,
                                     ArrayRef<int64_t> shape,
                                     Type elementType) {
  printer.printDimensionList(shape);
  printer << 'x' << elementType;
}

//===----------------------------------------------------------------------===//
// !qopt.quant
//===----------------------------------------------------------------------===//

Type QuantType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  SchemeAttrInterface scheme;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parseShapeAndElementType(parser, shape, elementType) ||
      parseInterface(parser, scheme, "scheme") || parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(location); },
                    parser.getContext(), shape, elementType, scheme);
}

void QuantType::print(AsmPrinter &printer) const {
  printer << '<';
  printShapeAndElementType(printer, getShape(), getElementType());
  printer << ", " << getScheme() << '>';
}

LogicalResult QuantType::verify(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<int64_t> shape, Type elementType,
                                SchemeAttrInterface scheme) {
  return verifyWeight(emitError, shape, elementType, scheme);
}

ShapedType QuantType::cloneWith(std::optional<ArrayRef<int64_t>> shape,
                                Type elementType) const {
  return get(getContext(), shape.value_or(getShape()), elementType,
             getScheme());
}

std::vector<Component> QuantType::components() const {
  return getScheme().components(getRows(), getColumns());
}

//===----------------------------------------------------------------------===//
// !qopt.packed
//===----------------------------------------------------------------------===//

Type PackedType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  SchemeAttrInterface scheme;
  LayoutAttrInterface layout;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() ||
      parseShapeAndElementType(parser, shape, elementType) ||
      parseInterface(parser, scheme, "scheme") ||
      parseInterface(parser, layout, "layout") || parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(location); },
                    parser.getContext(), shape, elementType, scheme, layout);
}

void PackedType::print(AsmPrinter &printer) const {
  printer << '<';
  printShapeAndElementType(printer, getShape(), getElementType());
  printer << ", " << getScheme() << ", " << getLayout() << '>';
}

LogicalResult PackedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type elementType,
                                 SchemeAttrInterface scheme,
                                 LayoutAttrInterface layout) {
  if (failed(verifyWeight(emitError, shape, elementType, scheme)))
    return failure();
  return layout.verifyLayout(emitError, scheme, shape[0], shape[1]);
}

ShapedType PackedType::cloneWith(std::optional<ArrayRef<int64_t>> shape,
                                 Type elementType) const {
  return get(getContext(), shape.value_or(getShape()), elementType, getScheme(),
             getLayout());
}

std::vector<Component> PackedType::components() const {
  return getLayout().components(getScheme(), getRows(), getColumns());
}

//===----------------------------------------------------------------------===//
// Any weight
//===----------------------------------------------------------------------===//

DType qopt::floatDType(Type type) {
  if (type.isF16())
    return DType::F16;
  if (type.isBF16())
    return DType::BF16;
  return type.isF64() ? DType::F64 : DType::F32;
}

std::vector<Component> qopt::weightComponents(ShapedType type) {
  if (auto quant = dyn_cast<QuantType>(type))
    return quant.components();
  if (auto packed = dyn_cast<PackedType>(type))
    return packed.components();
  return {{"", floatDType(type.getElementType()), type.getShape().vec()}};
}

SchemeAttrInterface qopt::weightScheme(Type type) {
  if (auto quant = dyn_cast<QuantType>(type))
    return quant.getScheme();
  if (auto packed = dyn_cast<PackedType>(type))
    return packed.getScheme();
  return {};
}

Type qopt::componentElementType(MLIRContext *context, DType type) {
  Builder builder(context);
  switch (type) {
  case DType::F64:
    return builder.getF64Type();
  case DType::F32:
    return builder.getF32Type();
  case DType::F16:
    return builder.getF16Type();
  case DType::BF16:
    return builder.getBF16Type();
  default:
    return builder.getIntegerType(8 * byteSize(type));
  }
}
