//===- GgufValues.cpp - keys and values as GGUF stores them ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufParts.h"

using namespace qopt;

namespace {
Result<std::string_view> readString(ByteReader &reader, std::string_view what) {
  QOPT_ASSIGN(uint64_t length, reader.read<uint64_t>(what));
  QOPT_ASSIGN(ByteSpan bytes, reader.take(length, what));
  return std::string_view(reinterpret_cast<const char *>(bytes.data()),
                          bytes.size());
}

/// Reads one scalar (`array` unset) or `count` elements stored as T, held as
/// Held.
template <typename T, typename Held>
Result<GgufValue::Storage> readNumbers(ByteReader &reader, bool array,
                                       uint64_t count) {
  if (!array) {
    QOPT_ASSIGN(T number, reader.read<T>("value"));
    return Held(number);
  }
  std::optional<uint64_t> size = checkedMultiply(count, sizeof(T));
  if (!size || *size > reader.remaining())
    return reader.error("array of ", count, " elements of ", sizeof(T),
                        " bytes does not fit the ", reader.remaining(),
                        " bytes left");
  QOPT_ASSIGN(ByteSpan raw, reader.take(*size, "array"));
  std::vector<Held> numbers(count);
  for (uint64_t i = 0; i < count; ++i) {
    T number;
    std::memcpy(&number, raw.data() + i * sizeof(T), sizeof(T));
    numbers[i] = number;
  }
  return numbers;
}

Result<GgufValue::Storage> readBools(ByteReader &reader, bool array,
                                     uint64_t count) {
  QOPT_ASSIGN(ByteSpan raw, reader.take(array ? count : 1, "booleans"));
  for (uint8_t byte : raw)
    if (byte > 1)
      return reader.error("boolean has the value ", int(byte));
  if (!array)
    return GgufValue::Storage(raw[0] == 1);
  return GgufValue::Storage(std::vector<bool>(raw.begin(), raw.end()));
}

Result<GgufValue::Storage> readStrings(ByteReader &reader, bool array,
                                       uint64_t count) {
  if (!array) {
    QOPT_ASSIGN(std::string_view text, readString(reader, "string"));
    return GgufValue::Storage(std::string(text));
  }
  if (count > reader.remaining() / 8)
    return reader.error("array of ", count, " strings does not fit the ",
                        reader.remaining(), " bytes left");
  std::vector<std::string> texts;
  texts.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    QOPT_ASSIGN(std::string_view text, readString(reader, "string"));
    texts.emplace_back(text);
  }
  return GgufValue::Storage(std::move(texts));
}

Result<GgufValue::Storage> readStorage(ByteReader &reader, GgufValueType type,
                                       bool array, uint64_t count) {
  switch (type) {
  case GgufValueType::U8:
    return readNumbers<uint8_t, uint64_t>(reader, array, count);
  case GgufValueType::U16:
    return readNumbers<uint16_t, uint64_t>(reader, array, count);
  case GgufValueType::U32:
    return readNumbers<uint32_t, uint64_t>(reader, array, count);
  case GgufValueType::U64:
    return readNumbers<uint64_t, uint64_t>(reader, array, count);
  case GgufValueType::I8:
    return readNumbers<int8_t, int64_t>(reader, array, count);
  case GgufValueType::I16:
    return readNumbers<int16_t, int64_t>(reader, array, count);
  case GgufValueType::I32:
    return readNumbers<int32_t, int64_t>(reader, array, count);
  case GgufValueType::I64:
    return readNumbers<int64_t, int64_t>(reader, array, count);
  case GgufValueType::F32:
    return readNumbers<float, double>(reader, array, count);
  case GgufValueType::F64:
    return readNumbers<double, double>(reader, array, count);
  case GgufValueType::Bool:
    return readBools(reader, array, count);
  case GgufValueType::String:
    return readStrings(reader, array, count);
  case GgufValueType::Array:
    return reader.error("arrays of arrays are not supported");
  }
  return reader.error("unknown value type ", uint32_t(type));
}

template <typename Stored, typename Held>
void appendNumbers(std::string &target, const GgufValue &value) {
  auto append = [&](Held held) {
    Stored number = static_cast<Stored>(held);
    target.append(reinterpret_cast<const char *>(&number), sizeof(number));
  };
  if (!value.array)
    return append(std::get<Held>(value.value));
  for (Held held : std::get<std::vector<Held>>(value.value))
    append(held);
}

void appendStrings(std::string &target, const GgufValue &value) {
  if (!value.array)
    return detail::appendGgufString(target, std::get<std::string>(value.value));
  for (const std::string &text :
       std::get<std::vector<std::string>>(value.value))
    detail::appendGgufString(target, text);
}

void appendStorage(std::string &target, const GgufValue &value) {
  switch (value.type) {
  case GgufValueType::U8:
    return appendNumbers<uint8_t, uint64_t>(target, value);
  case GgufValueType::U16:
    return appendNumbers<uint16_t, uint64_t>(target, value);
  case GgufValueType::U32:
    return appendNumbers<uint32_t, uint64_t>(target, value);
  case GgufValueType::U64:
    return appendNumbers<uint64_t, uint64_t>(target, value);
  case GgufValueType::I8:
    return appendNumbers<int8_t, int64_t>(target, value);
  case GgufValueType::I16:
    return appendNumbers<int16_t, int64_t>(target, value);
  case GgufValueType::I32:
    return appendNumbers<int32_t, int64_t>(target, value);
  case GgufValueType::I64:
    return appendNumbers<int64_t, int64_t>(target, value);
  case GgufValueType::F32:
    return appendNumbers<float, double>(target, value);
  case GgufValueType::F64:
    return appendNumbers<double, double>(target, value);
  case GgufValueType::Bool:
    return appendNumbers<uint8_t, bool>(target, value);
  case GgufValueType::String:
    return appendStrings(target, value);
  case GgufValueType::Array:
    return; // arrays do not nest
  }
}

template <typename T> void appendNumber(std::string &target, T number) {
  target.append(reinterpret_cast<const char *>(&number), sizeof(number));
}
} // namespace

Result<std::string_view> detail::readGgufName(ByteReader &reader,
                                              std::string_view what,
                                              uint64_t limit) {
  QOPT_ASSIGN(std::string_view name, readString(reader, what));
  if (name.empty() || name.size() > limit)
    return reader.error(what, " of ", name.size(), " bytes; 1 to ", limit,
                        " are allowed");
  if (!isUtf8(name) || name.find('\0') != name.npos)
    return reader.error(what, " ", quote(name), " is not UTF-8 without NUL");
  return name;
}

Status detail::readGgufKey(ByteReader &reader, GgufMetadata &metadata) {
  QOPT_ASSIGN(std::string_view key, readGgufName(reader, "key", ggufMaxKey));
  if (metadata.contains(key))
    return reader.error("key ", quote(key), " is there twice");
  auto inKey = [&](Error error) {
    error.message += str(" (key ", quote(key), ")");
    return error;
  };
  GgufValue value;
  QOPT_ASSIGN(uint32_t type,
              reader.read<uint32_t>("value type").map_error(inKey));
  uint64_t count = 1;
  value.array = GgufValueType(type) == GgufValueType::Array;
  if (value.array) {
    QOPT_ASSIGN(type, reader.read<uint32_t>("element type").map_error(inKey));
    QOPT_ASSIGN(count, reader.read<uint64_t>("array length").map_error(inKey));
  }
  value.type = GgufValueType(type);
  QOPT_ASSIGN(
      value.value,
      readStorage(reader, value.type, value.array, count).map_error(inKey));
  metadata.set(key, std::move(value));
  return {};
}

void detail::appendGgufString(std::string &target, std::string_view text) {
  appendNumber<uint64_t>(target, text.size());
  target += text;
}

void detail::appendGgufKey(std::string &target, std::string_view key,
                           const GgufValue &value) {
  appendGgufString(target, key);
  if (value.array) {
    appendNumber(target, GgufValueType::Array);
    appendNumber(target, value.type);
    appendNumber<uint64_t>(target,
                           std::visit(
                               [](const auto &held) -> uint64_t {
                                 if constexpr (requires { held.size(); })
                                   return held.size();
                                 return 1;
                               },
                               value.value));
  } else {
    appendNumber(target, value.type);
  }
  appendStorage(target, value);
}
