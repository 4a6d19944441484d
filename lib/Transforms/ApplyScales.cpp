//===- ApplyScales.cpp - scales become part of weights --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     global @w(#qopt.extern<ckpt, "w">) : tensor<64x64xf16>
//  ─▶ global @w(#qopt.view<#qopt.extern<ckpt, "w"> of tensor<64x64xf16>,
//                          [#qopt.scale<columns, …>]>) : tensor<64x64xf32>
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"
#include "ViewSteps.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Transforms/ScaleFolds.h"

using namespace mlir;
using namespace qopt;

static std::vector<float> factorsOf(const FoldedWeight &folded,
                                    std::span<const float> scales) {
  std::vector<float> factors;
  for (int64_t index : folded.scales) {
    float scale = index == FoldedWeight::unscaled ? 1 : scales[index];
    factors.push_back(folded.inverse ? 1 / scale : scale);
  }
  return factors;
}

static DenseElementsAttr vectorAttribute(MLIRContext *context,
                                         ArrayRef<float> values) {
  auto type = RankedTensorType::get({int64_t(values.size())},
                                    Float32Type::get(context));
  return DenseElementsAttr::get(type, values);
}

/// A norm multiplies by (offset + weight): see llm.rms_norm.
static double offsetOf(Operation *reader) {
  auto norm = dyn_cast<llm::RmsNormOp>(reader);
  return norm && norm.getOffset() ? norm.getOffset()->convertToDouble() : 0;
}

static Status scaleVector(const FoldedWeight &folded, ArrayRef<float> factors,
                          ModuleOp module, SourceFiles &files) {
  QOPT_ASSIGN(WeightSource source, WeightSource::open(folded.weight, files));
  QOPT_ASSIGN(std::vector<float> values, source.readAll());
  const double offset = offsetOf(folded.reader);
  for (auto [value, factor] : llvm::zip_equal(values, factors))
    value = float((offset + value) * factor - offset);
  DenseElementsAttr written = vectorAttribute(module.getContext(), values);
  setWeight(module, folded.weight, written, written.getType());
  return {};
}

static void scaleMatrix(const FoldedWeight &folded, ArrayRef<float> factors,
                        ModuleOp module) {
  MLIRContext *context = module.getContext();
  Axis axis = folded.axis == ScaleAxis::Rows ? Axis::Rows : Axis::Columns;
  addViewStep(module, folded.weight,
              ScaleAttr::get(context, axis, vectorAttribute(context, factors)));
}

Status qopt::applyScales(const ScaleFold &fold, std::span<const float> scales,
                         ModuleOp module, SourceFiles &files) {
  for (const FoldedWeight &folded : fold.weights) {
    std::vector<float> factors = factorsOf(folded, scales);
    ml_program::GlobalOp weight = folded.weight;
    if (cast<ShapedType>(weight.getType()).getRank() == 2)
      scaleMatrix(folded, factors, module);
    else
      QOPT_CHECK(scaleVector(folded, factors, module, files));
  }
  return {};
}
