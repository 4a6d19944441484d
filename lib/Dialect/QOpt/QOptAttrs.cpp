//===- QOptAttrs.cpp - schemes, layouts and weight references ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptAttrs.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

#include "qopt/Dialect/QOpt/QOptAttrInterfaces.cpp.inc"
#include "qopt/Dialect/QOpt/QOptEnums.cpp.inc"

/// `[2, 0, 1]`
static ParseResult parseOrder(AsmParser &parser, DenseI64ArrayAttr &order) {
  SmallVector<int64_t> indices;
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
        return parser.parseInteger(indices.emplace_back());
      }))
    return failure();
  order = DenseI64ArrayAttr::get(parser.getContext(), indices);
  return success();
}

static void printOrder(AsmPrinter &printer, DenseI64ArrayAttr order) {
  printer << '[';
  llvm::interleaveComma(order.asArrayRef(), printer);
  printer << ']';
}

#define GET_ATTRDEF_CLASSES
#include "qopt/Dialect/QOpt/QOptAttrs.cpp.inc"

void QOptDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "qopt/Dialect/QOpt/QOptAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// #qopt.grouped
//===----------------------------------------------------------------------===//

Attribute GroupedAttr::parse(AsmParser &parser, Type) {
  int64_t bits, group;
  bool symmetric = false;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeyword("bits") ||
      parser.parseEqual() || parser.parseInteger(bits) || parser.parseComma() ||
      parser.parseKeyword("group") || parser.parseEqual() ||
      parser.parseInteger(group))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    if (parser.parseKeyword("symmetric"))
      return {};
    symmetric = true;
  }
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(location); },
                    parser.getContext(), bits, group, symmetric);
}

void GroupedAttr::print(AsmPrinter &printer) const {
  printer << "<bits = " << getBits() << ", group = " << getGroup();
  if (getSymmetric())
    printer << ", symmetric";
  printer << '>';
}

LogicalResult GroupedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t bits, int64_t group, bool symmetric) {
  if (bits < 2 || bits > 8)
    return emitError() << "bits must be 2 to 8, not " << bits;
  if (group != -1 && group < 1)
    return emitError() << "group must be positive, or -1 for a whole row, not "
                       << group;
  return success();
}

GroupedScheme GroupedAttr::getScheme() const {
  return {int(getBits()), getGroup(), getSymmetric()};
}

GroupedAttr GroupedAttr::get(MLIRContext *context,
                             const GroupedScheme &scheme) {
  return get(context, scheme.bits, scheme.groupSize, scheme.symmetric);
}

LogicalResult
GroupedAttr::verifyShape(function_ref<InFlightDiagnostic()> emitError,
                         int64_t rows, int64_t columns) const {
  return success(); // the last group of a row may be shorter
}

std::vector<Component> GroupedAttr::components(int64_t rows,
                                               int64_t columns) const {
  GroupedScheme scheme = getScheme();
  int64_t groups = scheme.groups(columns);
  std::vector<Component> result = {
      {"codes", DType::U8, {rows, scheme.packedRowBytes(columns)}},
      {"scales", DType::F16, {rows, groups}}};
  if (!scheme.symmetric)
    result.push_back({"zeros", DType::U8, {rows, groups}});
  return result;
}

std::string GroupedAttr::mnemonicName() const {
  std::string group =
      getGroup() < 0 ? std::string("row") : std::to_string(getGroup());
  return "int" + std::to_string(getBits()) + "_g" + group +
         (getSymmetric() ? "_sym" : "");
}

//===----------------------------------------------------------------------===//
// #qopt.gguf
//===----------------------------------------------------------------------===//

Attribute GgufAttr::parse(AsmParser &parser, Type) {
  StringRef name;
  SMLoc location;
  if (parser.parseLess() || parser.getCurrentLocation(&location) ||
      parser.parseKeyword(&name))
    return {};
  const FormatRow *row = findFormat(std::string_view(name));
  if (!row) {
    parser.emitError(location) << "unknown GGUF type '" << name << "'";
    return {};
  }
  if (parser.parseGreater())
    return {};
  return get(parser.getContext(), row->type);
}

void GgufAttr::print(AsmPrinter &printer) const {
  printer << '<' << StringRef(getRow().name) << '>';
}

const FormatRow &GgufAttr::getRow() const { return *findFormat(getFormat()); }

LogicalResult
GgufAttr::verifyShape(function_ref<InFlightDiagnostic()> emitError,
                      int64_t rows, int64_t columns) const {
  if (columns % getRow().blockElements != 0)
    return emitError() << "rows of " << columns << " columns are not whole "
                       << StringRef(getRow().name) << " blocks of "
                       << getRow().blockElements;
  return success();
}

std::vector<Component> GgufAttr::components(int64_t rows,
                                            int64_t columns) const {
  return {{"blocks", DType::U8, {rows, getRow().rowBytes(columns)}}};
}

std::string GgufAttr::mnemonicName() const {
  return std::string(getRow().name);
}

//===----------------------------------------------------------------------===//
// #qopt.blocks
//===----------------------------------------------------------------------===//

LogicalResult
BlocksAttr::verifyLayout(function_ref<InFlightDiagnostic()> emitError,
                         SchemeAttrInterface scheme, int64_t rows,
                         int64_t columns) const {
  if (!isa<GgufAttr>(scheme))
    return emitError() << "#qopt.blocks holds GGUF types, not " << scheme;
  return success();
}

std::vector<Component> BlocksAttr::components(SchemeAttrInterface scheme,
                                              int64_t rows,
                                              int64_t columns) const {
  std::vector<Component> result = scheme.components(rows, columns);
  result.front().suffix = "packed";
  return result;
}

void BlocksAttr::pack(SchemeAttrInterface, int64_t, int64_t,
                      ConstBuffers source, MutableBuffers target) const {
  llvm::copy(source.front(), target.front().begin());
}

void BlocksAttr::unpack(SchemeAttrInterface, int64_t, int64_t,
                        ConstBuffers source, MutableBuffers target) const {
  llvm::copy(source.front(), target.front().begin());
}

//===----------------------------------------------------------------------===//
// #qopt.file, #qopt.extern, #qopt.inline
//===----------------------------------------------------------------------===//

Attribute FileAttr::parse(AsmParser &parser, Type) {
  std::string path, hash;
  int64_t size = -1;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseString(&path))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    if (succeeded(parser.parseOptionalKeyword("size"))) {
      if (parser.parseEqual() || parser.parseInteger(size))
        return {};
    } else if (parser.parseKeyword("hash") || parser.parseEqual() ||
               parser.parseString(&hash)) {
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(location); },
                    parser.getContext(), path, size, hash);
}

void FileAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printString(getPath());
  if (getSize() >= 0)
    printer << ", size = " << getSize();
  if (!getHash().empty()) {
    printer << ", hash = ";
    printer.printString(getHash());
  }
  printer << '>';
}

LogicalResult FileAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               StringRef path, int64_t size, StringRef hash) {
  if (path.empty() || path.contains('\0'))
    return emitError() << "a file needs a path without NUL";
  if (size < -1)
    return emitError() << "a file's size cannot be " << size;
  return success();
}

Attribute ExternAttr::parse(AsmParser &parser, Type) {
  std::string source, tensor;
  int64_t index = 0, count = 0;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseKeywordOrString(&source) ||
      parser.parseComma() || parser.parseString(&tensor))
    return {};
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseInteger(index) || parser.parseKeyword("of") ||
       parser.parseInteger(count)))
    return {};
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(location); },
                    parser.getContext(), source, tensor, index, count);
}

void ExternAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printer.printKeywordOrString(getSource());
  printer << ", ";
  printer.printString(getTensor());
  if (isStacked())
    printer << ", " << getIndex() << " of " << getCount();
  printer << '>';
}

LogicalResult ExternAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef, StringRef, int64_t index,
                                 int64_t count) {
  if (count < 0 || index < 0 || (index > 0 && index >= count))
    return emitError() << "weight " << index << " of " << count
                       << " does not exist";
  return success();
}

LogicalResult InlineAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 DictionaryAttr components) {
  for (NamedAttribute component : components)
    if (!isa<ElementsAttr>(component.getValue()))
      return emitError() << "component '" << component.getName().getValue()
                         << "' must be an elements attribute";
  return success();
}
