//===- QOptInterleaved.cpp - the layout of CPU kernels -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptAttrs.h"
#include "qopt/Formats/BlockFields.h"

using namespace mlir;
using namespace qopt;

LogicalResult
InterleavedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        int64_t rows) {
  if (rows < 1 || rows > 64)
    return emitError() << "#qopt.interleaved takes 1 to 64 rows, not " << rows;
  return success();
}

LogicalResult
InterleavedAttr::verifyLayout(function_ref<InFlightDiagnostic()> emitError,
                              SchemeAttrInterface scheme, int64_t rows,
                              int64_t columns) const {
  auto gguf = dyn_cast<GgufAttr>(scheme);
  if (isa<GroupedAttr>(scheme) ||
      (gguf && findBlockFields(gguf.getRow().type)))
    return success();
  return emitError() << "#qopt.interleaved holds quantized schemes, not "
                     << scheme;
}

InterleavedLayout InterleavedAttr::getLayout(SchemeAttrInterface scheme,
                                             int64_t rows,
                                             int64_t columns) const {
  if (auto grouped = dyn_cast<GroupedAttr>(scheme))
    return {grouped.getScheme(), rows, columns, getRows()};
  const BlockFields *fields =
      findBlockFields(cast<GgufAttr>(scheme).getRow().type);
  return {fields->hierarchy, rows, columns, getRows(), fields};
}

std::vector<Component> InterleavedAttr::components(SchemeAttrInterface scheme,
                                                   int64_t rows,
                                                   int64_t columns) const {
  return getLayout(scheme, rows, columns).components();
}

void InterleavedAttr::pack(SchemeAttrInterface scheme, int64_t rows,
                           int64_t columns, ConstBuffers source,
                           MutableBuffers target) const {
  interleave(getLayout(scheme, rows, columns), source, target);
}

void InterleavedAttr::unpack(SchemeAttrInterface scheme, int64_t rows,
                             int64_t columns, ConstBuffers source,
                             MutableBuffers target) const {
  deinterleave(getLayout(scheme, rows, columns), source, target);
}
