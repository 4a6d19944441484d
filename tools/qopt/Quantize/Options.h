//===- Options.h - the flags of qopt quantize -------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_QUANTIZE_OPTIONS_H
#define QOPT_TOOLS_QUANTIZE_OPTIONS_H

#include "FileOptions.h"
#include "Model.h"
#include "Quantize/OutputFormat.h"

#include "qopt/IO/ImportanceMatrix.h"
#include "qopt/Transforms/QuantizeRecipe.h"

namespace qopt {

/// What the user asked for. Each group of flags is declared by a function of
/// its own; the order of the groups is that of `--help`.
struct QuantizeOptions {
  std::string model, output;
  static constexpr size_t formatOfOutput = -1; // by the name of the file
  size_t formatIndex = formatOfOutput;         // set when the flags are read
  QuantizeRecipe recipe;                       // complete but for `archive`
  /// Of recipe.imatrix, once it is read.
  std::optional<ImportanceMatrix> importance;
  bool allowRequantize = false;
  MachineOptions machine;
  FileOptions files;
  bool overwrite = false, json = false;
  bool resume = false;
  /// Where a report goes, and the text that it measures on; both may be empty.
  std::string report, evaluate;

  /// Usage errors name the flag. False if help was printed instead.
  Result<bool> parse(std::span<char *> words);

  /// The same for qopt plan: only what decides types and sizes, and what `more`
  /// declares. GGUF is the default format.
  Result<bool> parsePlan(std::span<char *> words,
                         const std::function<void(Arguments &)> &more);

  const OutputFormat &format() const { return outputFormats()[formatIndex]; }
  /// Files that the output has, if the model has `sources`.
  std::vector<std::string> outputs(int64_t sources) const;
  /// Where quantized weights go until the output is written: beside a module
  /// for good, else under a hidden name.
  std::string archive() const;
  /// Where finished blocks are kept until the output is written.
  std::string runStatePath() const;

private:
  void declareModel(Arguments &arguments);
  void declareMethod(Arguments &arguments);
  void declareFormat(Arguments &arguments);
  void declareTypes(Arguments &arguments);
  void declareCalibration(Arguments &arguments);
  void declareGptq(Arguments &arguments);
  void declareOutput(Arguments &arguments);
  void useDefaults();
  size_t methodIndex = 1;
  std::optional<std::string> type; // default: that of the format
};

} // namespace qopt

#endif // QOPT_TOOLS_QUANTIZE_OPTIONS_H
