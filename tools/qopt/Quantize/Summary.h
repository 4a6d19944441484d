//===- Summary.h - what qopt quantize says at the end -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_QUANTIZE_SUMMARY_H
#define QOPT_TOOLS_QUANTIZE_SUMMARY_H

#include "Quantize/Options.h"

#include "qopt/Transforms/WeightTable.h"

#include <memory>

namespace qopt {

struct QuantizationReport;

/// What was done, as text or as one JSON object.
struct QuantizeSummary {
  std::vector<std::string> outputs; // files that a user opens
  WeightTotal before{{}}, after{{}};
  double seconds = 0;
  int64_t resumedBlocks = 0;
  std::shared_ptr<const QuantizationReport> report; // null: not asked for

  void print(const QuantizeOptions &options) const;
};

/// Everything between the flags and the summary, of which `seconds` is left to
/// the caller.
Result<QuantizeSummary> quantizeModel(QuantizeOptions &options,
                                      Progress &progress);

} // namespace qopt

#endif // QOPT_TOOLS_QUANTIZE_SUMMARY_H
