//===- MatchInputs.h - formulas that are norms or gates ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A norm has a dozen spellings (rsqrt or a division by sqrt, E[x²] − E[x]²,
// factors in any order), and so has an activation. They are told by what they
// compute: the formula is evaluated in f64 at chosen numbers and compared with
// the definition, whose parameters follow from some of the values.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_RAISE_MATCHINPUTS_H
#define QOPT_LIB_TRANSFORMS_RAISE_MATCHINPUTS_H

#include "Expression.h"

#include "qopt/Dialect/LLM/LLMOps.h"

#include <optional>

namespace qopt {

/// llm.rms_norm or, with `centered`, llm.layer_norm.
struct NormFormula {
  mlir::Value input;
  mlir::Value weight, bias; // null: none
  bool centered = false;
  double eps = 0, offset = 0;
};
/// `formula` of the rows of `channels` elements of a tensor.
std::optional<NormFormula> matchNorm(const Expression &formula,
                                     int64_t channels);

/// llm.gated.
struct GatedFormula {
  mlir::Value gate, up;
  llm::Activation activation;
};
std::optional<GatedFormula> matchGated(const Expression &formula);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_RAISE_MATCHINPUTS_H
