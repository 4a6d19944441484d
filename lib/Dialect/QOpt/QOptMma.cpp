//===- QOptMma.cpp - the layout #qopt.mma --------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptAttrs.h"
#include "qopt/Formats/MmaLayout.h"

using namespace mlir;
using namespace qopt;

static MmaLayout mmaLayout(SchemeAttrInterface scheme, int64_t rows,
                           int64_t columns) {
  return {cast<GroupedAttr>(scheme).getScheme(), rows, columns};
}

LogicalResult
MmaAttr::verifyLayout(function_ref<InFlightDiagnostic()> emitError,
                      SchemeAttrInterface scheme, int64_t rows,
                      int64_t columns) const {
  auto grouped = dyn_cast<GroupedAttr>(scheme);
  if (!grouped)
    return emitError() << "#qopt.mma holds grouped schemes, not " << scheme;
  if (Status status = MmaLayout::supports(grouped.getScheme(), rows, columns);
      !status)
    return emitError() << status.error().message;
  return success();
}

std::vector<Component> MmaAttr::components(SchemeAttrInterface scheme,
                                           int64_t rows,
                                           int64_t columns) const {
  return mmaLayout(scheme, rows, columns).components();
}

void MmaAttr::pack(SchemeAttrInterface scheme, int64_t rows, int64_t columns,
                   ConstBuffers source, MutableBuffers target) const {
  mmaLayout(scheme, rows, columns).pack(source, target);
}

void MmaAttr::unpack(SchemeAttrInterface scheme, int64_t rows, int64_t columns,
                     ConstBuffers source, MutableBuffers target) const {
  mmaLayout(scheme, rows, columns).unpack(source, target);
}
