// Random matrices of every scheme that the layout #qopt.mma holds.
#ifndef QOPT_TEST_UNIT_FORMATS_MMASCHEMES_H
#define QOPT_TEST_UNIT_FORMATS_MMASCHEMES_H

#include "qopt/Formats/BlockFields.h"
#include "qopt/Formats/Half.h"
#include "qopt/Formats/MmaLayout.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <string>

namespace qopt {

struct MmaScheme {
  std::string name;
  AffineHierarchy hierarchy;
  const BlockFields *fields = nullptr;
};

inline std::vector<MmaScheme> mmaSchemes() {
  std::vector<MmaScheme> result;
  for (GroupedScheme scheme : {GroupedScheme{4, 32, false},
                               {4, 64, true},
                               {4, 128, false},
                               {4, 256, true},
                               {4, -1, false},
                               {2, 16, false},
                               {2, 64, true},
                               {3, 128, false},
                               {5, 32, true},
                               {6, 64, false},
                               {8, 128, false},
                               {8, 32, true}})
    result.push_back({"int" + std::to_string(scheme.bits) + " group " +
                          std::to_string(scheme.groupSize),
                      scheme});
  for (GgufType type :
       {GgufType::Q4_0, GgufType::Q4_1, GgufType::Q5_0, GgufType::Q5_1,
        GgufType::Q8_0, GgufType::Q2_K, GgufType::Q3_K, GgufType::Q4_K,
        GgufType::Q5_K, GgufType::Q6_K, GgufType::TQ1_0, GgufType::TQ2_0}) {
    const BlockFields *fields = findBlockFields(type);
    result.push_back(
        {"type " + std::to_string(int(type)), fields->hierarchy, fields});
  }
  return result;
}

/// A matrix with random numbers everywhere, as its scheme has it and packed.
struct MmaPacked {
  MmaLayout layout;
  std::vector<std::vector<uint8_t>> source, packed;

  static std::vector<std::span<const uint8_t>>
  constSpans(const std::vector<std::vector<uint8_t>> &buffers) {
    return {buffers.begin(), buffers.end()};
  }
  static std::vector<std::span<uint8_t>>
  spans(std::vector<std::vector<uint8_t>> &buffers) {
    return {buffers.begin(), buffers.end()};
  }

  MmaPacked(const MmaScheme &scheme, int64_t rows, int64_t columns)
      : layout{scheme.hierarchy, rows, columns, scheme.fields} {
    const AffineHierarchy &h = scheme.hierarchy;
    std::mt19937 random(rows * 1000 + columns);
    auto half = [&] { return f32ToF16(0.001f * (1 + random() % 100)); };
    int64_t blockBytes =
        scheme.fields ? columns / scheme.fields->elements * scheme.fields->bytes
                      : 0;
    if (scheme.fields)
      source.emplace_back(rows * blockBytes);
    for (int64_t index = 0; index < rows; ++index) {
      HierarchyRow numbers(h, columns);
      // TQ1_0 has digits of three values.
      int codes =
          scheme.fields && scheme.fields->ternaryDigits ? 3 : 1 << h.bits;
      for (uint8_t &code : numbers.codes)
        code = random() % codes;
      int levels = h.nibbleLevels ? 16 : 64;
      for (uint16_t &scale : numbers.scales)
        scale = h.hasLevels() ? random() % levels : half();
      for (uint16_t &minimum : numbers.minima)
        minimum = layout.hasZeros() ? random() % codes
                  : h.hasLevels()   ? random() % levels
                                    : half();
      for (auto *super : {&numbers.superScales, &numbers.superMinima})
        for (uint16_t &number : *super)
          number = half();
      if (h.hasLevels() && !layout.hasHalfMinima()) // signed: Q3_K, Q6_K
        for (uint16_t &scale : numbers.scales)
          scale = uint8_t(int(scale) - 32);
      if (scheme.fields)
        scheme.fields->write(numbers, source[0].data() + index * blockBytes);
      else
        append(numbers);
      all.push_back(std::move(numbers));
    }
    for (const Component &component : layout.components())
      packed.emplace_back(component.bytes(), 0xff);
    layout.pack(constSpans(source), spans(packed));
  }

  const HierarchyRow &row(int64_t index) const { return all[index]; }

private:
  void append(const HierarchyRow &numbers) {
    source.resize(layout.hasZeros() ? 3 : 2);
    std::vector<uint8_t> codes((layout.columns * layout.hierarchy.bits + 7) /
                               8);
    packCodes(numbers.codes, layout.hierarchy.bits, codes.data());
    source[0].insert(source[0].end(), codes.begin(), codes.end());
    for (uint16_t scale : numbers.scales) {
      source[1].push_back(scale & 255);
      source[1].push_back(scale >> 8);
    }
    if (layout.hasZeros())
      for (uint16_t zero : numbers.minima)
        source[2].push_back(uint8_t(zero));
  }

  std::vector<HierarchyRow> all;
};

} // namespace qopt

#endif // QOPT_TEST_UNIT_FORMATS_MMASCHEMES_H
