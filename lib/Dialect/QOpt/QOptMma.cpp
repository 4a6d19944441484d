//===- QOptMma.cpp - the layout #qopt.mma --------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptAttrs.h"
#include "qopt/Formats/BlockFields.h"

using namespace mlir;
using namespace qopt;

MmaLayout MmaAttr::getLayout(SchemeAttrInterface scheme, int64_t rows,
                             int64_t columns) {
  if (auto grouped = dyn_cast<GroupedAttr>(scheme))
    return {grouped.getScheme(), rows, columns};
  const BlockFields *fields =
      findBlockFields(cast<GgufAttr>(scheme).getRow().type);
  return {fields->hierarchy, rows, columns, fields};
}

LogicalResult
MmaAttr::verifyLayout(function_ref<InFlightDiagnostic()> emitError,
                      SchemeAttrInterface scheme, int64_t rows,
                      int64_t columns) const {
  auto gguf = dyn_cast<GgufAttr>(scheme);
  if (!isa<GroupedAttr>(scheme) &&
      !(gguf && findBlockFields(gguf.getRow().type)))
    return emitError() << "#qopt.mma holds quantized schemes, not " << scheme;
  MmaLayout layout = getLayout(scheme, rows, columns);
  if (Status status = MmaLayout::supports(layout.hierarchy, rows, columns);
      !status)
    return emitError() << status.error().message;
  return success();
}

std::vector<Component> MmaAttr::components(SchemeAttrInterface scheme,
                                           int64_t rows,
                                           int64_t columns) const {
  return getLayout(scheme, rows, columns).components();
}

void MmaAttr::pack(SchemeAttrInterface scheme, int64_t rows, int64_t columns,
                   ConstBuffers source, MutableBuffers target) const {
  getLayout(scheme, rows, columns).pack(source, target);
}

void MmaAttr::unpack(SchemeAttrInterface scheme, int64_t rows, int64_t columns,
                     ConstBuffers source, MutableBuffers target) const {
  getLayout(scheme, rows, columns).unpack(source, target);
}
