//===- Bytes.h - a bounded little-endian cursor -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_BYTES_H
#define QOPT_IO_BYTES_H

#include "qopt/Support/Error.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace qopt {

static_assert(std::endian::native == std::endian::little,
              "every format that qopt reads and writes is little-endian");

using ByteSpan = std::span<const uint8_t>;

/// Sizes that come from a file are added and multiplied only through these:
/// nothing if the result does not fit.
inline std::optional<uint64_t> checkedAdd(uint64_t a, uint64_t b) {
  uint64_t sum;
  if (__builtin_add_overflow(a, b, &sum))
    return std::nullopt;
  return sum;
}
inline std::optional<uint64_t> checkedMultiply(uint64_t a, uint64_t b) {
  uint64_t product;
  if (__builtin_mul_overflow(a, b, &product))
    return std::nullopt;
  return product;
}
/// The next multiple of `alignment`, a power of two.
inline std::optional<uint64_t> checkedAlign(uint64_t value,
                                            uint64_t alignment) {
  std::optional<uint64_t> sum = checkedAdd(value, alignment - 1);
  if (!sum)
    return std::nullopt;
  return *sum & ~(alignment - 1);
}
/// The same for sizes of what is in memory or in a file: they do not overflow.
inline uint64_t alignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

/// Bytes of a tensor whose extents are all positive; nothing if a product
/// wraps or an extent is not positive.
std::optional<uint64_t> checkedTensorBytes(std::span<const int64_t> shape,
                                           int64_t elementBytes);

/// Bytes of the well-formed UTF-8 sequence at the start of `text`; 0 if there
/// is none.
size_t utf8SequenceLength(std::string_view text);
/// Whether `text` is well-formed UTF-8 (no overlong forms, no surrogates).
bool isUtf8(std::string_view text);

/// A text from a file as an error message may print it: control characters and
/// ill-formed bytes as \xNN, at most 80 bytes, in double quotes.
std::string quote(std::string_view text);

/// Reads little-endian values one after the other. No read goes past the end:
/// it returns an error with file, offset and what was being read instead.
class ByteReader {
public:
  /// `file` names the source in errors; `bytes` must outlive the reader.
  ByteReader(ByteSpan bytes, std::string file)
      : bytes(bytes), file(std::move(file)) {}

  uint64_t offset() const { return position; }
  uint64_t remaining() const { return bytes.size() - position; }
  const std::string &name() const { return file; }

  /// An integer, float or double.
  template <typename T> Result<T> read(std::string_view what) {
    QOPT_ASSIGN(ByteSpan raw, take(sizeof(T), what));
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }
  /// The next `count` bytes, not copied.
  Result<ByteSpan> take(uint64_t count, std::string_view what);

  /// A BadInput error at the current offset: "FILE: at byte N: …".
  template <typename... Parts>
  tl::unexpected<Error> error(const Parts &...parts) const {
    return badInput(file, ": at byte ", position, ": ", parts...);
  }

private:
  ByteSpan bytes;
  std::string file;
  uint64_t position = 0;
};

} // namespace qopt

#endif // QOPT_IO_BYTES_H
