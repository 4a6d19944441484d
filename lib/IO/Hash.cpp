//===- Hash.cpp - content hashes ------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Hash.h"
#include "qopt/IO/MappedFile.h"

#include <algorithm>
#include <bit>

using namespace qopt;

// XXH64 as its specification describes it (doc/xxhash_spec.md of xxHash).
namespace {
constexpr uint64_t prime1 = 0x9E3779B185EBCA87, prime2 = 0xC2B2AE3D27D4EB4F,
                   prime3 = 0x165667B19E3779F9, prime4 = 0x85EBCA77C2B2AE63,
                   prime5 = 0x27D4EB2F165667C5;

template <typename T> T load(const uint8_t *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

uint64_t mix(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * prime2, 31) * prime1;
}

void mixStripe(uint64_t (&lanes)[4], const uint8_t *stripe) {
  for (int i = 0; i < 4; ++i)
    lanes[i] = mix(lanes[i], load<uint64_t>(stripe + 8 * i));
}
} // namespace

ContentHash &ContentHash::update(const void *data, uint64_t count) {
  if (count == 0) // data may be null
    return *this;
  const uint8_t *bytes = static_cast<const uint8_t *>(data);
  uint64_t held = total % sizeof(pending);
  total += count;
  if (held > 0) {
    uint64_t taken = std::min(count, sizeof(pending) - held);
    std::memcpy(pending + held, bytes, taken);
    bytes += taken;
    count -= taken;
    if (held + taken < sizeof(pending))
      return *this;
    mixStripe(lanes, pending);
  }
  for (; count >= sizeof(pending); count -= sizeof(pending)) {
    mixStripe(lanes, bytes);
    bytes += sizeof(pending);
  }
  if (count > 0)
    std::memcpy(pending, bytes, count);
  return *this;
}

uint64_t ContentHash::value() const {
  uint64_t hash = prime5;
  if (total >= sizeof(pending)) {
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) +
           std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes)
      hash = (hash ^ mix(0, lane)) * prime1 + prime4;
  }
  hash += total;
  const uint8_t *rest = pending, *end = pending + total % sizeof(pending);
  for (; end - rest >= 8; rest += 8)
    hash = std::rotl(hash ^ mix(0, load<uint64_t>(rest)), 27) * prime1 + prime4;
  for (; end - rest >= 4; rest += 4)
    hash =
        std::rotl(hash ^ load<uint32_t>(rest) * prime1, 23) * prime2 + prime3;
  for (; rest < end; ++rest)
    hash = std::rotl(hash ^ *rest * prime5, 11) * prime1;
  hash = (hash ^ hash >> 33) * prime2;
  hash = (hash ^ hash >> 29) * prime3;
  return hash ^ hash >> 32;
}

std::string ContentHash::hex() const {
  uint64_t bits = value();
  std::string digits(16, '0');
  for (int i = 15; i >= 0; --i, bits >>= 4)
    digits[i] = "0123456789abcdef"[bits & 15];
  return digits;
}

Result<std::string> qopt::fileHash(const MappedFile &file) {
  constexpr uint64_t page = 4096, pages = 256;
  QOPT_CHECK(file.stillWhole());
  ByteSpan bytes = file.bytes();
  uint64_t size = file.size();
  ContentHash hash;
  hash.update(&size, sizeof(size));
  if (size <= page * pages)
    return hash.update(bytes.data(), size).hex();
  uint64_t header = load<uint64_t>(bytes.data());
  if (header <= 100'000'000 && header <= size - 8 && bytes[8] == '{')
    hash.update(bytes.data(), 8 + header);
  for (uint64_t i = 0; i < pages; ++i) {
    uint64_t offset =
        static_cast<unsigned __int128>(i) * (size - page) / (pages - 1);
    hash.update(bytes.data() + offset, page);
  }
  return hash.hex();
}
