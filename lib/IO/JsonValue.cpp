//===- JsonValue.cpp - asking JSON values by type -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "JsonTree.h"
#include "qopt/IO/Bytes.h"

#include <algorithm>
#include <bit>

using namespace qopt;

static std::string_view kindName(JsonKind kind) {
  switch (kind) {
  case JsonKind::Null:
    return "null";
  case JsonKind::Bool:
    return "a boolean";
  case JsonKind::Int:
  case JsonKind::Unsigned:
    return "an integer";
  case JsonKind::Double:
    return "a fractional or too large number";
  case JsonKind::String:
    return "a string";
  case JsonKind::Array:
    return "an array";
  case JsonKind::Object:
    break;
  }
  return "an object";
}

JsonKind JsonValue::kind() const { return tree->nodes[node].kind; }

std::string JsonValue::path() const { return tree->path(node); }

std::string JsonValue::place() const {
  return node == 0 ? tree->file : str(tree->file, ": ", path());
}

tl::unexpected<Error> JsonValue::wrongKind(std::string_view expected) const {
  return error("expected ", expected, ", found ", kindName(kind()));
}

Result<bool> JsonValue::asBool() const {
  if (kind() != JsonKind::Bool)
    return wrongKind("a boolean");
  return tree->nodes[node].number != 0;
}

Result<int64_t> JsonValue::asInt() const {
  if (kind() == JsonKind::Unsigned)
    return error("integer ", tree->nodes[node].number, " is above 2^63 - 1");
  if (kind() != JsonKind::Int)
    return wrongKind("an integer");
  return std::bit_cast<int64_t>(tree->nodes[node].number);
}

Result<uint64_t> JsonValue::asUnsigned() const {
  if (kind() == JsonKind::Unsigned)
    return tree->nodes[node].number;
  if (kind() != JsonKind::Int)
    return wrongKind("an integer");
  int64_t number = std::bit_cast<int64_t>(tree->nodes[node].number);
  if (number < 0)
    return error("expected an integer of at least 0, found ", number);
  return number;
}

Result<double> JsonValue::asDouble() const {
  uint64_t number = tree->nodes[node].number;
  if (kind() == JsonKind::Double)
    return std::bit_cast<double>(number);
  if (kind() == JsonKind::Unsigned)
    return double(number);
  if (kind() == JsonKind::Int)
    return double(std::bit_cast<int64_t>(number));
  return wrongKind("a number");
}

Result<std::string_view> JsonValue::asString() const {
  if (kind() != JsonKind::String)
    return wrongKind("a string");
  return tree->string(node);
}

size_t JsonValue::size() const {
  return isArray() || isObject() ? tree->nodes[node].count : 0;
}

JsonValue JsonValue::operator[](size_t index) const {
  return JsonValue(tree, tree->children[tree->nodes[node].first + index]);
}

std::string_view JsonValue::key(size_t index) const {
  return tree->key(tree->children[tree->nodes[node].first + index]);
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  if (!isObject())
    return std::nullopt;
  auto begin = tree->sorted.begin() + tree->nodes[node].first;
  auto end = begin + tree->nodes[node].count;
  auto place = std::lower_bound(begin, end, key,
                                [&](uint32_t member, std::string_view k) {
                                  return tree->key(member) < k;
                                });
  if (place == end || tree->key(*place) != key)
    return std::nullopt;
  JsonValue value(tree, *place);
  if (value.isNull())
    return std::nullopt;
  return value;
}

Result<JsonValue> JsonValue::get(std::string_view key) const {
  if (!isObject())
    return wrongKind("an object");
  std::optional<JsonValue> value = find(key);
  if (!value)
    return error("key ", quote(key), " is missing");
  return *value;
}

Result<JsonValue> JsonValue::getArray(std::string_view key) const {
  QOPT_ASSIGN(JsonValue value, get(key));
  if (!value.isArray())
    return value.wrongKind("an array");
  return value;
}

Result<JsonValue> JsonValue::getObject(std::string_view key) const {
  QOPT_ASSIGN(JsonValue value, get(key));
  if (!value.isObject())
    return value.wrongKind("an object");
  return value;
}

// getX(key) and getX(key, fallback) for each asX.
#define QOPT_JSON_GETTERS(Type, Name)                                          \
  Result<Type> JsonValue::get##Name(std::string_view key) const {              \
    QOPT_ASSIGN(JsonValue value, get(key));                                    \
    return value.as##Name();                                                   \
  }                                                                            \
  Result<Type> JsonValue::get##Name(std::string_view key, Type fallback)       \
      const {                                                                  \
    std::optional<JsonValue> value = find(key);                                \
    if (!value)                                                                \
      return fallback;                                                         \
    return value->as##Name();                                                  \
  }
QOPT_JSON_GETTERS(bool, Bool)
QOPT_JSON_GETTERS(int64_t, Int)
QOPT_JSON_GETTERS(uint64_t, Unsigned)
QOPT_JSON_GETTERS(double, Double)
QOPT_JSON_GETTERS(std::string_view, String)
#undef QOPT_JSON_GETTERS
