//===- Hash.h - content hashes ----------------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_HASH_H
#define QOPT_IO_HASH_H

#include "qopt/IO/Bytes.h"

namespace qopt {

class MappedFile;

/// XXH64 (Yann Collet's xxHash, seed 0) of bytes that arrive in pieces. Not
/// cryptographic: it finds accidents, not forgeries.
class ContentHash {
public:
  ContentHash &update(const void *data, uint64_t count);
  ContentHash &update(std::string_view text) {
    return update(text.data(), text.size());
  }
  /// The hash of everything so far; more may follow.
  uint64_t value() const;
  /// The value as 16 lower-case hexadecimal digits.
  std::string hex() const;

private:
  uint64_t lanes[4] = {0x60EA27EEADC0B5D6u, 0xC2B2AE3D27D4EB4Fu, 0,
                       0x61C8864E7A143579u};
  uint8_t pending[32];
  uint64_t total = 0;
};

/// The hash that `#qopt.file` carries, cheap for a file of any size: XXH64 of
///   - the size (u64),
///   - if the file looks like safetensors (u64 n <= 10^8 that fits, then '{'):
///     its first 8 + n bytes, that is names, types, shapes of all tensors,
///   - 256 pages of 4 KiB, page i at floor(i * (size - 4096) / 255);
/// of a file of up to 1 MiB: the size and the whole content. It depends on the
/// content alone, not on the file's name.
Result<std::string> fileHash(const MappedFile &file);

} // namespace qopt

#endif // QOPT_IO_HASH_H
