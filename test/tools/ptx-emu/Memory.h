//===- Memory.h - addresses, and global memory -----------------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A global buffer is a region of 2^36 bytes with its number in the upper bits,
// so that no offset that a kernel could compute by accident leads from one to
// another. Shared, local and parameter addresses are offsets in their spaces;
// generic addresses have the space in the two uppermost bits.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_MEMORY_H
#define PTX_EMU_MEMORY_H

#include "Module.h"

#include <cstring>
#include <span>

namespace ptx {

constexpr uint64_t windowMask = uint64_t(3) << 62;
constexpr uint64_t sharedWindow = uint64_t(1) << 62;
constexpr uint64_t localWindow = uint64_t(2) << 62;
constexpr uint64_t paramWindow = uint64_t(3) << 62;
/// Shared memory of rank r of a cluster: r + 1 in the bits from here on, 0 for
/// the CTA's own.
constexpr unsigned rankShift = 24;

class GlobalMemory {
public:
  /// Adds a buffer and returns its address, which is a multiple of 2^36.
  uint64_t add(std::string name, std::vector<uint8_t> bytes);
  /// Creates the variables of a module at the addresses that it gives them.
  void addGlobals(const Module &module);

  std::span<uint8_t> bytes(uint64_t address);

  /// Null if `size` bytes at `address` are not inside of one buffer.
  uint8_t *find(uint64_t address, uint64_t size) {
    uint64_t region = address >> regionBits, offset = address & regionMask;
    if (region < regions.size() &&
        offset + size <= regions[region].bytes.size())
      return regions[region].bytes.data() + offset;
    return nullptr;
  }
  /// Marks a buffer that the grid before may still write or read: only behind
  /// griddepcontrol.wait may it be touched.
  void setLate(uint64_t address) {
    regions.at(address >> regionBits).isLate = true;
  }
  bool isLate(uint64_t address) const {
    return regions[address >> regionBits].isLate;
  }
  /// "byte 4096 of x, which has 4096 bytes"
  std::string describe(uint64_t address) const;

private:
  static constexpr unsigned regionBits = 36;
  static constexpr uint64_t regionMask = (uint64_t(1) << regionBits) - 1;
  struct Region {
    std::string name;
    std::vector<uint8_t> bytes;
    bool isLate = false;
  };
  std::vector<Region> regions{1}; // region 0 stays empty: null pointers
};

template <typename T> T loadAs(const uint8_t *bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

} // namespace ptx

#endif // PTX_EMU_MEMORY_H
