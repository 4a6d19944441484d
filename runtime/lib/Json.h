//===- Json.h - a small reader of JSON --------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// For the two texts that the runtime reads, tables of kernels and headers of
// archives, so that it builds from its own sources alone. Refuses what is not
// JSON, duplicate keys, and nesting above 32 levels.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_JSON_H
#define QOPT_RUNTIME_JSON_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qopt::runtime {

struct JsonMember;

struct Json {
  enum class Kind { Null, Bool, Int, Double, String, Array, Object };
  Kind kind = Kind::Null;
  bool flag = false;
  int64_t integer = 0; // of Int
  double number = 0;   // of Int and Double
  std::string text;    // UTF-8
  std::vector<Json> elements;
  std::vector<JsonMember> members; // in order of the text

  /// Null if this is not an object or has no such member.
  const Json *find(std::string_view key) const;

  /// False with the place and the reason in `error`.
  static bool parse(std::string_view text, Json &value, std::string &error);
};

struct JsonMember {
  std::string key;
  Json value;
};

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_JSON_H
