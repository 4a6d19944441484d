//===- OutputFormat.h - what qopt quantize writes ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_QUANTIZE_OUTPUTFORMAT_H
#define QOPT_TOOLS_QUANTIZE_OUTPUTFORMAT_H

#include "qopt/Support/Error.h"
#include "qopt/Transforms/WeightTable.h"

#include <span>
#include <string>
#include <string_view>

namespace qopt {

struct Model;
struct QuantizeOptions;

/// A value of --format.
struct OutputFormat {
  std::string_view name;
  std::string_view defaultType;
  /// Whether grouped types have no zero points unless the user wants them.
  bool symmetric;
  /// Whether writing also encodes the GGUF types that weights are to have.
  bool encodes;
  /// Whether the archive of quantized weights is a part of the output.
  bool keepsArchive;
  /// Whether the output is a directory.
  bool directory;
  /// Endings of file names that mean this format to everybody.
  std::span<const std::string_view> extensions;
  /// The tensors that `write` writes. Before the model is quantized: those that
  /// it is going to write, or why it will not.
  Result<std::vector<WeightRow>> (*plan)(Model &model,
                                         const QuantizeOptions &options);
  /// Writes the quantized model to options.output; before it was quantized it
  /// lay in `sources` files.
  Status (*write)(Model &model, const QuantizeOptions &options,
                  int64_t sources);
};

/// The first is the default.
std::span<const OutputFormat> outputFormats();

/// Usage error if a name means another format, as q.gguf does for a module.
Status checkOutputName(const OutputFormat &format, const std::string &output);

} // namespace qopt

#endif // QOPT_TOOLS_QUANTIZE_OUTPUTFORMAT_H
