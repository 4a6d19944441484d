//===- GgufMetadata.cpp - the typed keys of a GGUF file -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/GgufMetadata.h"
#include "qopt/IO/Bytes.h"

using namespace qopt;

std::string_view qopt::ggufValueTypeName(GgufValueType type) {
  constexpr std::string_view names[] = {"u8",  "i8",  "u16",  "i16",    "u32",
                                        "i32", "f32", "bool", "string", "array",
                                        "u64", "i64", "f64"};
  return size_t(type) < std::size(names) ? names[size_t(type)] : "unknown";
}

const GgufValue *GgufMetadata::find(std::string_view key) const {
  auto found = byName.find(std::string(key));
  return found == byName.end() ? nullptr : &keys[found->second].second;
}

void GgufMetadata::set(std::string_view key, GgufValue value) {
  auto [place, isNew] = byName.emplace(key, keys.size());
  if (isNew)
    keys.emplace_back(key, std::move(value));
  else
    keys[place->second].second = std::move(value);
}

void GgufMetadata::setU8(std::string_view key, uint8_t value) {
  set(key, {false, GgufValueType::U8, uint64_t(value)});
}
void GgufMetadata::setU32(std::string_view key, uint32_t value) {
  set(key, {false, GgufValueType::U32, uint64_t(value)});
}
void GgufMetadata::setU64(std::string_view key, uint64_t value) {
  set(key, {false, GgufValueType::U64, value});
}
void GgufMetadata::setI32(std::string_view key, int32_t value) {
  set(key, {false, GgufValueType::I32, int64_t(value)});
}
void GgufMetadata::setF32(std::string_view key, float value) {
  set(key, {false, GgufValueType::F32, double(value)});
}
void GgufMetadata::setBool(std::string_view key, bool value) {
  set(key, {false, GgufValueType::Bool, value});
}
void GgufMetadata::setString(std::string_view key, std::string_view value) {
  set(key, {false, GgufValueType::String, std::string(value)});
}
void GgufMetadata::setStrings(std::string_view key,
                              std::vector<std::string> values) {
  set(key, {true, GgufValueType::String, std::move(values)});
}
void GgufMetadata::setI32s(std::string_view key,
                           const std::vector<int32_t> &values) {
  set(key, {true, GgufValueType::I32,
            std::vector<int64_t>(values.begin(), values.end())});
}
void GgufMetadata::setU32s(std::string_view key,
                           const std::vector<uint32_t> &values) {
  set(key, {true, GgufValueType::U32,
            std::vector<uint64_t>(values.begin(), values.end())});
}
void GgufMetadata::setF32s(std::string_view key,
                           const std::vector<float> &values) {
  set(key, {true, GgufValueType::F32,
            std::vector<double>(values.begin(), values.end())});
}

Result<const GgufValue *> GgufMetadata::need(std::string_view key) const {
  const GgufValue *value = find(key);
  if (!value)
    return badInput(file, ": key ", quote(key), " is missing");
  return value;
}

tl::unexpected<Error> GgufMetadata::wrongType(std::string_view key,
                                              const GgufValue &value,
                                              std::string_view expected) const {
  return badInput(file, ": key ", quote(key), ": expected ", expected,
                  ", found ", value.array ? "an array of " : "",
                  ggufValueTypeName(value.type));
}

Result<uint64_t> GgufMetadata::getUnsigned(std::string_view key) const {
  QOPT_ASSIGN(const GgufValue *value, need(key));
  if (const auto *number = std::get_if<uint64_t>(&value->value))
    return *number;
  const auto *number = std::get_if<int64_t>(&value->value);
  if (!number)
    return wrongType(key, *value, "an integer");
  if (*number < 0)
    return badInput(file, ": key ", quote(key), ": ", *number, " is negative");
  return *number;
}

Result<int64_t> GgufMetadata::getInt(std::string_view key) const {
  QOPT_ASSIGN(const GgufValue *value, need(key));
  if (const auto *number = std::get_if<int64_t>(&value->value))
    return *number;
  const auto *number = std::get_if<uint64_t>(&value->value);
  if (!number)
    return wrongType(key, *value, "an integer");
  if (*number > uint64_t(INT64_MAX))
    return badInput(file, ": key ", quote(key), ": ", *number,
                    " is above 2^63 - 1");
  return *number;
}

Result<double> GgufMetadata::getFloat(std::string_view key) const {
  QOPT_ASSIGN(const GgufValue *value, need(key));
  if (const auto *number = std::get_if<double>(&value->value))
    return *number;
  return wrongType(key, *value, "a floating-point number");
}

Result<bool> GgufMetadata::getBool(std::string_view key) const {
  QOPT_ASSIGN(const GgufValue *value, need(key));
  if (const auto *flag = std::get_if<bool>(&value->value))
    return *flag;
  return wrongType(key, *value, "a boolean");
}

Result<std::string_view> GgufMetadata::getString(std::string_view key) const {
  QOPT_ASSIGN(const GgufValue *value, need(key));
  if (const auto *text = std::get_if<std::string>(&value->value))
    return *text;
  return wrongType(key, *value, "a string");
}

Result<uint64_t> GgufMetadata::getUnsigned(std::string_view key,
                                           uint64_t fallback) const {
  return contains(key) ? getUnsigned(key) : fallback;
}
Result<int64_t> GgufMetadata::getInt(std::string_view key,
                                     int64_t fallback) const {
  return contains(key) ? getInt(key) : fallback;
}
Result<double> GgufMetadata::getFloat(std::string_view key,
                                      double fallback) const {
  return contains(key) ? getFloat(key) : fallback;
}
Result<bool> GgufMetadata::getBool(std::string_view key, bool fallback) const {
  return contains(key) ? getBool(key) : fallback;
}
Result<std::string_view>
GgufMetadata::getString(std::string_view key, std::string_view fallback) const {
  return contains(key) ? getString(key) : fallback;
}

Result<std::vector<int64_t>> GgufMetadata::getInts(std::string_view key) const {
  QOPT_ASSIGN(const GgufValue *value, need(key));
  if (const auto *numbers = std::get_if<std::vector<int64_t>>(&value->value))
    return *numbers;
  const auto *numbers = std::get_if<std::vector<uint64_t>>(&value->value);
  if (!numbers)
    return wrongType(key, *value, "an array of integers");
  for (uint64_t number : *numbers)
    if (number > uint64_t(INT64_MAX))
      return badInput(file, ": key ", quote(key), ": ", number,
                      " is above 2^63 - 1");
  return std::vector<int64_t>(numbers->begin(), numbers->end());
}

Result<std::vector<double>>
GgufMetadata::getFloats(std::string_view key) const {
  QOPT_ASSIGN(const GgufValue *value, need(key));
  if (const auto *numbers = std::get_if<std::vector<double>>(&value->value))
    return *numbers;
  return wrongType(key, *value, "an array of floating-point numbers");
}

Result<const std::vector<std::string> *>
GgufMetadata::getStrings(std::string_view key) const {
  QOPT_ASSIGN(const GgufValue *value, need(key));
  if (const auto *texts = std::get_if<std::vector<std::string>>(&value->value))
    return texts;
  return wrongType(key, *value, "an array of strings");
}
