//===- GgufMetadata.h - the typed keys of a GGUF file -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_GGUFMETADATA_H
#define QOPT_IO_GGUFMETADATA_H

#include "qopt/Support/Error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace qopt {

/// Type ids of metadata values as stored in a file (enum gguf_type).
enum class GgufValueType : uint32_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Bool,
  String,
  Array,
  U64,
  I64,
  F64,
};
/// "u32", "string", …
std::string_view ggufValueTypeName(GgufValueType type);

/// A value with its stored type; numbers are held in the widest type of their
/// kind. Arrays have elements of one type and do not nest.
struct GgufValue {
  using Storage = std::variant<uint64_t, int64_t, double, bool, std::string,
                               std::vector<uint64_t>, std::vector<int64_t>,
                               std::vector<double>, std::vector<bool>,
                               std::vector<std::string>>;
  bool array = false;
  GgufValueType type; // of the value, or of the elements of an array
  Storage value;

  bool operator==(const GgufValue &) const = default;
};

/// Keys in file order, unique.
class GgufMetadata {
public:
  using Entry = std::pair<std::string, GgufValue>;

  const std::vector<Entry> &entries() const { return keys; }
  /// Null if there is none.
  const GgufValue *find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  /// Adds the key, or replaces its value in place.
  void set(std::string_view key, GgufValue value);
  void setU8(std::string_view key, uint8_t value);
  void setU32(std::string_view key, uint32_t value);
  void setU64(std::string_view key, uint64_t value);
  void setI32(std::string_view key, int32_t value);
  void setF32(std::string_view key, float value);
  void setBool(std::string_view key, bool value);
  void setString(std::string_view key, std::string_view value);
  void setStrings(std::string_view key, std::vector<std::string> values);
  void setI32s(std::string_view key, const std::vector<int32_t> &values);
  void setU32s(std::string_view key, const std::vector<uint32_t> &values);
  void setF32s(std::string_view key, const std::vector<float> &values);

  /// Typed access. An integer of any stored width and signedness is accepted if
  /// the value fits; a float may be stored as f32 or f64; nothing else is
  /// converted. Errors name file and key.
  Result<uint64_t> getUnsigned(std::string_view key) const;
  Result<int64_t> getInt(std::string_view key) const;
  Result<double> getFloat(std::string_view key) const;
  Result<bool> getBool(std::string_view key) const;
  Result<std::string_view> getString(std::string_view key) const;
  /// The same with a value to take if the key is absent.
  Result<uint64_t> getUnsigned(std::string_view key, uint64_t fallback) const;
  Result<int64_t> getInt(std::string_view key, int64_t fallback) const;
  Result<double> getFloat(std::string_view key, double fallback) const;
  Result<bool> getBool(std::string_view key, bool fallback) const;
  Result<std::string_view> getString(std::string_view key,
                                     std::string_view fallback) const;
  Result<std::vector<int64_t>> getInts(std::string_view key) const;
  Result<std::vector<double>> getFloats(std::string_view key) const;
  /// Valid while this lives unchanged.
  Result<const std::vector<std::string> *>
  getStrings(std::string_view key) const;

  /// The file that errors name.
  void setFile(std::string name) { file = std::move(name); }

private:
  Result<const GgufValue *> need(std::string_view key) const;
  tl::unexpected<Error> wrongType(std::string_view key, const GgufValue &value,
                                  std::string_view expected) const;
  std::string file = "GGUF metadata";
  std::vector<Entry> keys;
  std::unordered_map<std::string, size_t> byName;
};

} // namespace qopt

#endif // QOPT_IO_GGUFMETADATA_H
