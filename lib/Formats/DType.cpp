//===- DType.cpp - plain element types of stored tensors ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/DType.h"
#include "qopt/Formats/Half.h"

#include <cassert>
#include <cstring>

using namespace qopt;

namespace {
struct Row {
  DType type;
  std::string_view name;
  int64_t bytes;
};
constexpr Row table[] = {
    {DType::F64, "F64", 8},   {DType::F32, "F32", 4}, {DType::F16, "F16", 2},
    {DType::BF16, "BF16", 2}, {DType::I64, "I64", 8}, {DType::I32, "I32", 4},
    {DType::I16, "I16", 2},   {DType::I8, "I8", 1},   {DType::U8, "U8", 1},
    {DType::Bool, "BOOL", 1},
};

template <typename T, typename Convert>
void convertFrom(const void *source, float *target, int64_t count,
                 Convert convert) {
  const char *bytes = static_cast<const char *>(source);
  for (int64_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, bytes + i * sizeof(T), sizeof(T));
    target[i] = convert(element);
  }
}

template <typename T, typename Convert>
void convertTo(const float *source, void *target, int64_t count,
               Convert convert) {
  char *bytes = static_cast<char *>(target);
  for (int64_t i = 0; i < count; ++i) {
    T element = convert(source[i]);
    std::memcpy(bytes + i * sizeof(T), &element, sizeof(T));
  }
}
} // namespace

int64_t qopt::byteSize(DType type) { return table[size_t(type)].bytes; }

std::string_view qopt::dtypeName(DType type) {
  return table[size_t(type)].name;
}

std::optional<DType> qopt::parseDType(std::string_view name) {
  for (const Row &row : table)
    if (row.name == name)
      return row.type;
  return std::nullopt;
}

bool qopt::isFloat(DType type) {
  return type == DType::F64 || type == DType::F32 || type == DType::F16 ||
         type == DType::BF16;
}

void qopt::decodeToF32(DType type, const void *source, float *target,
                       int64_t count) {
  switch (type) {
  case DType::F64:
    return convertFrom<double>(source, target, count,
                               [](double v) { return float(v); });
  case DType::F32:
    std::memcpy(target, source, count * sizeof(float));
    return;
  case DType::F16:
    return convertFrom<uint16_t>(source, target, count, f16ToF32);
  case DType::BF16:
    return convertFrom<uint16_t>(source, target, count, bf16ToF32);
  default:
    assert(false && "not a floating-point type");
  }
}

void qopt::encodeFromF32(DType type, const float *source, void *target,
                         int64_t count) {
  switch (type) {
  case DType::F32:
    std::memcpy(target, source, count * sizeof(float));
    return;
  case DType::F16:
    return convertTo<uint16_t>(source, target, count, f32ToF16);
  case DType::BF16:
    return convertTo<uint16_t>(source, target, count, f32ToBf16);
  default:
    assert(false && "not a type that weights are stored in");
  }
}
