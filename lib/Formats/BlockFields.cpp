//===- BlockFields.cpp - where the bits of a GGUF block are ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/BlockFields.h"

#include <array>
#include <cstring>

using namespace qopt;
using Scale = AffineHierarchy::Scale;
using Minimum = AffineHierarchy::Minimum;

//===----------------------------------------------------------------------===//
// The types; fields are {first, count, byte, width, shift, position, run,
// sharing}. The structs in Q4_0.cpp and its neighbours say the same in words.
// Interleaving takes numbers by four (InterleavePlan.cpp): `first` and `count`
// are multiples of 4, and so is `run`, or it is 1 and fills its bytes.
//===----------------------------------------------------------------------===//

// Blocks of 32 weights
static constexpr BitField q4_0Codes[] = {{0, 32, 2, 4, 0, 0, 16, 2}};
static constexpr BitField q4_1Codes[] = {{0, 32, 4, 4, 0, 0, 16, 2}};
static constexpr BitField q5_0Codes[] = {{0, 32, 6, 4, 0, 0, 16, 2},
                                         {0, 32, 2, 1, 0, 4, 1, 8}};
static constexpr BitField q5_1Codes[] = {{0, 32, 8, 4, 0, 0, 16, 2},
                                         {0, 32, 4, 1, 0, 4, 1, 8}};
static constexpr BitField q8_0Codes[] = {{0, 32, 2, 8, 0, 0, 32, 1}};
static constexpr BitField mxfp4Codes[] = {{0, 32, 1, 4, 0, 0, 16, 2}};

// Super-blocks of 256 weights
static constexpr BitField q2_kCodes[] = {{0, 256, 16, 2, 0, 0, 32, 4}};
static constexpr BitField q2_kScales[] = {{0, 16, 0, 4, 0, 0, 16, 1}};
static constexpr BitField q2_kMinima[] = {{0, 16, 0, 4, 4, 0, 16, 1}};
static constexpr BitField q3_kCodes[] = {{0, 256, 32, 2, 0, 0, 32, 4},
                                         {0, 256, 0, 1, 0, 2, 32, 8}};
static constexpr BitField q3_kScales[] = {{0, 16, 96, 4, 0, 0, 8, 2},
                                          {0, 16, 104, 2, 0, 4, 4, 4}};
static constexpr BitField q4_kCodes[] = {{0, 256, 16, 4, 0, 0, 32, 2}};
static constexpr BitField q5_kCodes[] = {{0, 256, 48, 4, 0, 0, 32, 2},
                                         {0, 256, 16, 1, 0, 4, 32, 8}};
// SixBitScales.h: the last four levels are cut into nibbles and upper bits.
static constexpr BitField sixBitScales[] = {{0, 4, 4, 6, 0, 0, 4, 1},
                                            {4, 4, 12, 4, 0, 0, 4, 1},
                                            {4, 4, 4, 2, 6, 4, 4, 1}};
static constexpr BitField sixBitMinima[] = {{0, 4, 8, 6, 0, 0, 4, 1},
                                            {4, 4, 12, 4, 4, 0, 4, 1},
                                            {4, 4, 8, 2, 6, 4, 4, 1}};
static constexpr BitField q6_kCodes[] = {{0, 256, 0, 4, 0, 0, 64, 2},
                                         {0, 256, 128, 2, 0, 4, 32, 4}};
static constexpr BitField q6_kScales[] = {{0, 16, 192, 8, 0, 0, 16, 1}};
static constexpr BitField iq4_xsCodes[] = {{0, 256, 8, 4, 0, 0, 16, 2}};
static constexpr BitField iq4_xsScales[] = {{0, 8, 4, 4, 0, 0, 1, 2},
                                            {0, 8, 2, 2, 0, 4, 1, 4}};
static constexpr BitField tq2_0Codes[] = {{0, 256, 0, 2, 0, 0, 32, 4}};

static constexpr int8_t nonlinearValues[16] = {
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static constexpr int8_t doubledFp4Values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                                0, -1, -2, -3, -4, -6, -8, -12};

/// One scale, and perhaps a minimum, for all weights of a block.
static AffineHierarchy flat(int bits, int zero, int64_t groupSize,
                            Minimum minimum = Minimum::None) {
  AffineHierarchy h;
  h.bits = bits;
  h.zero = zero;
  h.groupSize = groupSize;
  h.minimum = minimum;
  return h;
}

/// Levels under the scale of a super-block.
static AffineHierarchy leveled(int bits, int zero, int64_t groupSize,
                               Minimum minimum = Minimum::None) {
  AffineHierarchy h = flat(bits, zero, groupSize, minimum);
  h.superSize = 256;
  h.scale = Scale::Level;
  return h;
}

static AffineHierarchy nonlinear(AffineHierarchy h, const int8_t *values) {
  h.values = values;
  return h;
}

static AffineHierarchy nibbleLevels(AffineHierarchy h) {
  h.nibbleLevels = true;
  return h;
}

static AffineHierarchy exponents(AffineHierarchy h) {
  h.scale = Scale::Exponent;
  return h;
}

namespace {
struct Entry {
  GgufType type;
  BlockFields fields;
};
} // namespace

static std::span<const Entry> entries() {
  static const std::array table = [] {
    std::array rows = {
        Entry{
            GgufType::Q4_0,
            {.hierarchy = flat(4, 8, 32), .codes = q4_0Codes, .scaleByte = 0}},
        Entry{GgufType::Q4_1,
              {.hierarchy = flat(4, 0, 32, Minimum::Half),
               .codes = q4_1Codes,
               .scaleByte = 0,
               .minimumByte = 2}},
        Entry{
            GgufType::Q5_0,
            {.hierarchy = flat(5, 16, 32), .codes = q5_0Codes, .scaleByte = 0}},
        Entry{GgufType::Q5_1,
              {.hierarchy = flat(5, 0, 32, Minimum::Half),
               .codes = q5_1Codes,
               .scaleByte = 0,
               .minimumByte = 2}},
        Entry{GgufType::Q8_0,
              {.hierarchy = flat(8, 128, 32),
               .codes = q8_0Codes,
               .codeFlip = 128,
               .scaleByte = 0}},
        Entry{GgufType::Q2_K,
              {.hierarchy = nibbleLevels(leveled(2, 0, 16, Minimum::Level)),
               .codes = q2_kCodes,
               .scales = q2_kScales,
               .minima = q2_kMinima,
               .scaleByte = 80,
               .minimumByte = 82}},
        Entry{GgufType::Q3_K,
              {.hierarchy = leveled(3, 4, 16),
               .codes = q3_kCodes,
               .scales = q3_kScales,
               .levelOffset = 32,
               .scaleByte = 108}},
        Entry{GgufType::Q4_K,
              {.hierarchy = leveled(4, 0, 32, Minimum::Level),
               .codes = q4_kCodes,
               .scales = sixBitScales,
               .minima = sixBitMinima,
               .scaleByte = 0,
               .minimumByte = 2}},
        Entry{GgufType::Q5_K,
              {.hierarchy = leveled(5, 0, 32, Minimum::Level),
               .codes = q5_kCodes,
               .scales = sixBitScales,
               .minima = sixBitMinima,
               .scaleByte = 0,
               .minimumByte = 2}},
        Entry{GgufType::Q6_K,
              {.hierarchy = leveled(6, 32, 16),
               .codes = q6_kCodes,
               .scales = q6_kScales,
               .scaleByte = 208}},
        Entry{GgufType::IQ4_NL,
              {.hierarchy = nonlinear(flat(4, 0, 32), nonlinearValues),
               .codes = q4_0Codes,
               .scaleByte = 0}},
        Entry{GgufType::IQ4_XS,
              {.hierarchy = nonlinear(leveled(4, 0, 32), nonlinearValues),
               .codes = iq4_xsCodes,
               .scales = iq4_xsScales,
               .levelOffset = 32,
               .scaleByte = 0}},
        Entry{GgufType::MXFP4,
              {.hierarchy =
                   exponents(nonlinear(flat(4, 0, 32), doubledFp4Values)),
               .codes = mxfp4Codes,
               .scaleByte = 0}},
        Entry{GgufType::TQ1_0,
              {.hierarchy = flat(2, 1, 256),
               .scaleByte = 52,
               .ternaryDigits = true}},
        Entry{GgufType::TQ2_0,
              {.hierarchy = flat(2, 1, 256),
               .codes = tq2_0Codes,
               .scaleByte = 64}},
    };
    for (Entry &row : rows) {
      row.fields.elements = findFormat(row.type)->blockElements;
      row.fields.bytes = findFormat(row.type)->blockBytes;
    }
    return rows;
  }();
  return table;
}

const BlockFields *qopt::findBlockFields(GgufType type) {
  for (const Entry &entry : entries())
    if (entry.type == type)
      return &entry.fields;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Reading and writing
//===----------------------------------------------------------------------===//

/// Calls visit(number, byte, shift) for every number that a field is part of.
template <typename Visit>
static void forEachNumber(const BitField &field, Visit visit) {
  int number = field.first;
  for (int byte = field.byte; number < field.first + field.count;
       byte += field.run)
    for (int j = 0; j < field.sharing; ++j)
      for (int r = 0; r < field.run; ++r)
        visit(number++, byte + r, field.shift + j * field.width);
}

template <typename Number>
static void readNumbers(std::span<const BitField> fields, const uint8_t *block,
                        Number *numbers) {
  for (const BitField &field : fields) {
    const int mask = (1 << field.width) - 1;
    forEachNumber(field, [&](int number, int byte, int shift) {
      int bits = (block[byte] >> shift & mask) << field.position;
      numbers[number] = field.position ? numbers[number] | bits : bits;
    });
  }
}

template <typename Number>
static void writeNumbers(std::span<const BitField> fields,
                         const Number *numbers, uint8_t *block) {
  for (const BitField &field : fields) {
    const int mask = (1 << field.width) - 1;
    forEachNumber(field, [&](int number, int byte, int shift) {
      block[byte] |= (numbers[number] >> field.position & mask) << shift;
    });
  }
}

/// TQ1_0: digit n of a byte is weight + n * distance (TQ1_0.cpp).
struct DigitRun {
  int first, weight, distance, digits;
};
static constexpr DigitRun digitRuns[] = {
    {0, 0, 32, 5}, {32, 160, 16, 5}, {48, 240, 4, 4}};

static void readDigits(const uint8_t *block, uint8_t *codes) {
  for (auto [first, weight, distance, digits] : digitRuns)
    for (int m = 0; m < distance; ++m) {
      uint8_t fraction = block[first + m];
      for (int n = 0; n < digits; ++n, fraction *= 3)
        codes[weight + n * distance + m] = fraction * 3 >> 8;
    }
}

static void writeDigits(const uint8_t *codes, uint8_t *block) {
  for (auto [first, weight, distance, digits] : digitRuns)
    for (int m = 0; m < distance; ++m) {
      int number = 0; // of five digits, below 243
      for (int n = 0; n < 5; ++n)
        number =
            number * 3 + (n < digits ? codes[weight + n * distance + m] : 0);
      block[first + m] = (number * 256 + 242) / 243;
    }
}

static uint16_t loadHalf(const uint8_t *block, int byte) {
  uint16_t bits;
  std::memcpy(&bits, block + byte, sizeof bits);
  return bits;
}

void BlockFields::read(const uint8_t *blocks, HierarchyRow &row) const {
  const int64_t columns = row.codes.size(),
                groups = elements / hierarchy.groupSize;
  for (int64_t index = 0; index < columns / elements; ++index) {
    const uint8_t *block = blocks + index * bytes;
    uint8_t *numbers = row.codes.data() + index * elements;
    if (ternaryDigits)
      readDigits(block, numbers);
    else
      readNumbers(codes, block, numbers);
    if (codeFlip)
      for (int64_t i = 0; i < elements; ++i)
        numbers[i] += codeFlip;
    uint16_t *groupScales = row.scales.data() + index * groups;
    if (!hierarchy.hasLevels()) {
      *groupScales = hierarchy.scale == Scale::Exponent
                         ? block[scaleByte]
                         : loadHalf(block, scaleByte);
      if (minimumByte >= 0)
        row.minima[index] = loadHalf(block, minimumByte);
      continue;
    }
    readNumbers(scales, block, groupScales);
    for (int64_t group = 0; group < groups; ++group)
      groupScales[group] = uint8_t(groupScales[group] - levelOffset);
    row.superScales[index] = loadHalf(block, scaleByte);
    if (minimumByte >= 0) {
      readNumbers(minima, block, row.minima.data() + index * groups);
      row.superMinima[index] = loadHalf(block, minimumByte);
    }
  }
}

void BlockFields::write(const HierarchyRow &row, uint8_t *blocks) const {
  const int64_t columns = row.codes.size(),
                groups = elements / hierarchy.groupSize;
  std::vector<uint8_t> stored(elements), levels(groups);
  std::fill_n(blocks, columns / elements * bytes, 0);
  for (int64_t index = 0; index < columns / elements; ++index) {
    uint8_t *block = blocks + index * bytes;
    for (int64_t i = 0; i < elements; ++i)
      stored[i] = row.codes[index * elements + i] - codeFlip;
    if (ternaryDigits)
      writeDigits(stored.data(), block);
    else
      writeNumbers(codes, stored.data(), block);
    auto storeHalf = [&](int byte, uint16_t bits) {
      std::memcpy(block + byte, &bits, sizeof bits);
    };
    const uint16_t *groupScales = row.scales.data() + index * groups;
    if (!hierarchy.hasLevels()) {
      if (hierarchy.scale == Scale::Exponent)
        block[scaleByte] = uint8_t(*groupScales);
      else
        storeHalf(scaleByte, *groupScales);
      if (minimumByte >= 0)
        storeHalf(minimumByte, row.minima[index]);
      continue;
    }
    for (int64_t group = 0; group < groups; ++group)
      levels[group] = uint8_t(groupScales[group] + levelOffset);
    writeNumbers(scales, levels.data(), block);
    storeHalf(scaleByte, row.superScales[index]);
    if (minimumByte >= 0) {
      writeNumbers(minima, row.minima.data() + index * groups, block);
      storeHalf(minimumByte, row.superMinima[index]);
    }
  }
}
