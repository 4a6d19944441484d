//===- DType.h - plain element types of stored tensors ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_FORMATS_DTYPE_H
#define QOPT_FORMATS_DTYPE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace qopt {

/// Element types with the names that safetensors gives them.
enum class DType : uint8_t { F64, F32, F16, BF16, I64, I32, I16, I8, U8, Bool };

/// Bytes of one element.
int64_t byteSize(DType type);
/// "F16", "U8", …
std::string_view dtypeName(DType type);
std::optional<DType> parseDType(std::string_view name);

/// Whether decodeToF32 accepts the type: F64, F32, F16, BF16.
bool isFloat(DType type);
/// Converts `count` floating-point elements at `source` (any alignment).
void decodeToF32(DType type, const void *source, float *target, int64_t count);
/// Converts to F32, F16 or BF16, rounding to nearest even.
void encodeFromF32(DType type, const float *source, void *target,
                   int64_t count);

} // namespace qopt

#endif // QOPT_FORMATS_DTYPE_H
