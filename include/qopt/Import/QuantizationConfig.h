//===- QuantizationConfig.h - how a checkpoint is quantized -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_QUANTIZATIONCONFIG_H
#define QOPT_IMPORT_QUANTIZATIONCONFIG_H

#include "qopt/IO/Json.h"

#include <optional>
#include <vector>

namespace qopt {

/// What `quantization_config` says that the tensors themselves do not. Widths
/// and groups follow from shapes, and whether there are zero points from
/// values; a configuration may be wrong about them.
struct QuantizationConfig {
  enum class Method : uint8_t { Gptq, Awq, PackQuantized };
  Method method = Method::Gptq;
  /// A row is one group, however short it is.
  bool wholeRows = false;
  /// gptq: zero points are said to be stored as they are, not less one.
  bool zerosAsTheyAre = false;
  /// gptq: columns are said to be in act-order.
  bool actOrder = false;
  /// compressed-tensors: widths that occur, since a width that does not divide
  /// a word does not follow from a shape alone.
  std::vector<int> bits;
};

/// Reads `quantization_config` (or its old name) from a config.json; nothing if
/// there is none. Kinds of quantization that qopt does not read are errors that
/// name the key.
Result<std::optional<QuantizationConfig>>
parseQuantizationConfig(JsonValue root);

/// The same for a checkpoint directory; old GPTQ checkpoints have it in a
/// quantize_config.json.
Result<std::optional<QuantizationConfig>>
readQuantizationConfig(const std::string &directory);

} // namespace qopt

#endif // QOPT_IMPORT_QUANTIZATIONCONFIG_H
