//===- QOptCheckpoints.cpp - the layouts of checkpoints -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// #qopt.gptq, #qopt.awq and #qopt.pack_quantized hand over to the structs of
// Formats that have the bits.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/Formats/AwqLayout.h"
#include "qopt/Formats/GptqLayout.h"
#include "qopt/Formats/PackQuantizedLayout.h"

using namespace mlir;
using namespace qopt;

static GptqLayout layoutOf(GptqAttr attribute, const GroupedScheme &scheme,
                           int64_t rows, int64_t columns) {
  return {scheme,
          rows,
          columns,
          attribute.getZeros() == GptqZeros::V1 ? GptqLayout::Zeros::V1
                                                : GptqLayout::Zeros::V2,
          floatDType(attribute.getScales()),
          attribute.getColumns() == GptqColumns::Sorted
              ? GptqLayout::Columns::Sorted
              : GptqLayout::Columns::InOrder};
}

static AwqLayout layoutOf(AwqAttr attribute, const GroupedScheme &scheme,
                          int64_t rows, int64_t columns) {
  return {scheme, rows, columns, floatDType(attribute.getScales())};
}

static PackQuantizedLayout layoutOf(PackQuantizedAttr attribute,
                                    const GroupedScheme &scheme, int64_t rows,
                                    int64_t columns) {
  return {scheme, rows, columns, floatDType(attribute.getScales()),
          attribute.getWords() == CodeWords::Dense ? WordFill::Dense
                                                   : WordFill::Whole};
}

/// The struct of Formats behind an attribute.
template <typename Attr>
static auto layoutOf(Attr attribute, SchemeAttrInterface scheme, int64_t rows,
                     int64_t columns) {
  return layoutOf(attribute, cast<GroupedAttr>(scheme).getScheme(), rows,
                  columns);
}

static LogicalResult
verifyScaleType(function_ref<InFlightDiagnostic()> emitError, Type type) {
  if (type.isF16() || type.isBF16() || type.isF32())
    return success();
  return emitError() << "scales are f16, bf16 or f32, not " << type;
}

template <typename Layout>
static LogicalResult
verifyGrouped(Attribute layout, function_ref<InFlightDiagnostic()> emitError,
              SchemeAttrInterface scheme, int64_t rows, int64_t columns) {
  auto grouped = dyn_cast<GroupedAttr>(scheme);
  if (!grouped)
    return emitError() << layout << " holds grouped schemes, not " << scheme;
  if (Status status = Layout::supports(grouped.getScheme(), rows, columns);
      !status)
    return emitError() << status.error().message;
  return success();
}

LogicalResult GptqAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               GptqZeros, Type scales, GptqColumns) {
  return verifyScaleType(emitError, scales);
}

LogicalResult AwqAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              Type scales) {
  return verifyScaleType(emitError, scales);
}

LogicalResult
PackQuantizedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          Type scales, CodeWords) {
  return verifyScaleType(emitError, scales);
}

/// The four methods of the interface, once for each attribute.
#define QOPT_CHECKPOINT_LAYOUT(Attr, Layout)                                   \
  LogicalResult Attr::verifyLayout(                                            \
      function_ref<InFlightDiagnostic()> emitError,                            \
      SchemeAttrInterface scheme, int64_t rows, int64_t columns) const {       \
    return verifyGrouped<Layout>(*this, emitError, scheme, rows, columns);     \
  }                                                                            \
  std::vector<Component> Attr::components(                                     \
      SchemeAttrInterface scheme, int64_t rows, int64_t columns) const {       \
    return layoutOf(*this, scheme, rows, columns).components();                \
  }                                                                            \
  void Attr::pack(SchemeAttrInterface scheme, int64_t rows, int64_t columns,   \
                  ConstBuffers source, MutableBuffers target) const {          \
    layoutOf(*this, scheme, rows, columns).pack(source, target);               \
  }                                                                            \
  void Attr::unpack(SchemeAttrInterface scheme, int64_t rows, int64_t columns, \
                    ConstBuffers source, MutableBuffers target) const {        \
    layoutOf(*this, scheme, rows, columns).unpack(source, target);             \
  }

QOPT_CHECKPOINT_LAYOUT(GptqAttr, GptqLayout)
QOPT_CHECKPOINT_LAYOUT(AwqAttr, AwqLayout)
QOPT_CHECKPOINT_LAYOUT(PackQuantizedAttr, PackQuantizedLayout)
