//===- Report.h - what became of a model, weight by weight ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_QUANTIZE_REPORT_H
#define QOPT_TOOLS_QUANTIZE_REPORT_H

#include "Quantize/Options.h"
#include "Quantize/Summary.h"

#include "qopt/Interp/BlockDivergence.h"

#include <optional>

namespace qopt {

/// Everything that the report of a run shows.
struct QuantizationReport {
  struct Weight {
    std::string symbol, type;
    std::vector<int64_t> shape;
    int64_t bytes;
    std::map<std::string, double> measured;

    double bits() const;
    /// `3` and "ffn_up" of `l3.ffn_up`; −1 and the symbol outside of blocks.
    std::pair<int64_t, std::string> place() const;
    /// The quantity, or nothing.
    std::optional<double> find(const char *quantity) const;
  };
  std::string model, output;
  /// How it was quantized, as (what, value).
  std::vector<std::pair<std::string, std::string>> recipe;
  std::vector<Weight> weights; // quantized ones
  std::optional<BlockDivergences> divergences;
  std::string evaluated; // what the divergences were measured on
};

/// Measures a quantized model against the one that it was made from, on the
/// text of --evaluate or else on the end of the calibration text: the errors of
/// what linears compute, KL behind every block, perplexity. Writes what it
/// finds into the module as `qopt.quality`. Without a text it only notes that.
Status measureQuality(Model &quantized, Model &original,
                      const QuantizeOptions &options,
                      QuantizationReport &report);

/// What the module says, with the errors of its weights. `scaled` is the module
/// that AWQ worked on, where `quantized` was made from files that do not say
/// what it has chosen.
Result<QuantizationReport> makeReport(Model &quantized, Model &original,
                                      mlir::ModuleOp scaled,
                                      const QuantizeOptions &options);

/// One object with everything.
std::string reportJson(const QuantizationReport &report,
                       const QuantizeSummary &summary);
/// One page that needs nothing else: charts are inline SVG.
std::string reportPage(const QuantizationReport &report,
                       const QuantizeSummary &summary);

/// The files of the report that a user names `path`: a page, and the JSON
/// beside it, or for a name that ends in .json that alone; none for "".
std::vector<std::string> reportFiles(const std::string &path);

/// Writes them.
Status writeReport(const QuantizationReport &report,
                   const QuantizeSummary &summary, const std::string &path,
                   bool overwrite);

} // namespace qopt

#endif // QOPT_TOOLS_QUANTIZE_REPORT_H
