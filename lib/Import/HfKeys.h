//===- HfKeys.h - checked members of config.json ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_IMPORT_HFKEYS_H
#define QOPT_LIB_IMPORT_HFKEYS_H

#include "qopt/IO/Json.h"
#include "qopt/Import/ModelConfig.h"

namespace qopt::detail {

/// The member itself for error messages, or the object it is missing from.
inline JsonValue member(JsonValue object, std::string_view key) {
  return object.find(key).value_or(object);
}

Result<int64_t> readCount(JsonValue object, std::string_view key,
                          CountRange range);
Result<int64_t> readCount(JsonValue object, std::string_view key,
                          CountRange range, int64_t fallback);
/// A number in (0, most].
Result<double> readPositive(JsonValue object, std::string_view key,
                            double most);
Result<double> readPositive(JsonValue object, std::string_view key, double most,
                            double fallback);
/// The same; nothing if it is absent or null.
Result<std::optional<double>> readOptional(JsonValue object,
                                           std::string_view key, double most);

/// Reads the rotary embedding: `rope_theta`, `rope_scaling` and
/// `partial_rotary_factor`, or all inside `rope_parameters`. The dimensions of
/// the heads and the positions are in `config`.
Status readHfRope(JsonValue root, const std::string &file, ModelConfig &config);

} // namespace qopt::detail

#endif // QOPT_LIB_IMPORT_HFKEYS_H
