#include "qopt/Formats/Interleaved.h"
#include "Support/SupportedIsas.h"
#include "qopt/Formats/BlockFields.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace qopt;
using qopt::test::supportedIsas;

namespace {
using Bytes = std::vector<uint8_t>;

/// The components of a random matrix of a grouped scheme.
std::vector<Bytes> randomMatrix(const InterleavedLayout &layout) {
  std::mt19937 random(7);
  const int bits = layout.hierarchy.bits;
  int64_t rowBytes = (layout.columns * bits + 7) / 8;
  Bytes codes(layout.rows * rowBytes);
  for (int64_t row = 0; row < layout.rows; ++row) {
    Bytes line(layout.columns);
    for (uint8_t &code : line)
      code = random() & ((1 << bits) - 1);
    packCodes(line, bits, &codes[row * rowBytes]);
  }
  std::vector<Bytes> result = {codes, Bytes(2 * layout.rows * layout.groups())};
  if (layout.hierarchy.minimum != AffineHierarchy::Minimum::None)
    result.push_back(Bytes(layout.rows * layout.groups()));
  for (size_t i = 1; i < result.size(); ++i)
    for (uint8_t &byte : result[i])
      byte = random();
  return result;
}

std::vector<std::span<const uint8_t>> read(const std::vector<Bytes> &buffers) {
  return {buffers.begin(), buffers.end()};
}
std::vector<std::span<uint8_t>> write(std::vector<Bytes> &buffers) {
  return {buffers.begin(), buffers.end()};
}

std::vector<Bytes> pack(const InterleavedLayout &layout,
                        const std::vector<Bytes> &matrix,
                        Isa isa = detectIsa()) {
  constexpr size_t line = 64; // from where lines are written as a whole
  std::vector<Bytes> memory, packed;
  std::vector<std::span<uint8_t>> target;
  for (const Component &component : layout.components()) {
    // Stale bytes must not stay.
    Bytes &bytes = memory.emplace_back(component.bytes() + line, 0xcc);
    target.push_back({bytes.data() + (-uintptr_t(bytes.data()) & (line - 1)),
                      size_t(component.bytes())});
  }
  interleave(layout, read(matrix), target, isa);
  for (std::span<uint8_t> bytes : target)
    packed.emplace_back(bytes.begin(), bytes.end());
  return packed;
}

/// The numbers of a row, one after the other.
HierarchyRow numbersOfRow(const InterleavedLayout &layout,
                          const std::vector<Bytes> &matrix, int64_t row) {
  HierarchyRow numbers(layout.hierarchy, layout.columns);
  const uint8_t *stored = &matrix[0][row * (matrix[0].size() / layout.rows)];
  if (layout.fields) {
    layout.fields->read(stored, numbers);
    return numbers;
  }
  unpackCodes(stored, layout.hierarchy.bits, numbers.codes);
  const int64_t groups = layout.groups();
  std::memcpy(numbers.scales.data(), &matrix[1][2 * row * groups], 2 * groups);
  for (size_t group = 0; group < numbers.minima.size(); ++group)
    numbers.minima[group] = matrix[2][row * groups + group];
  return numbers;
}

/// What Interleaved.h says, number by number.
std::vector<Bytes> packByDefinition(const InterleavedLayout &layout,
                                    const std::vector<Bytes> &matrix) {
  const AffineHierarchy &h = layout.hierarchy;
  std::vector<Bytes> packed;
  for (const Component &component : layout.components())
    packed.emplace_back(component.bytes());
  for (int64_t row = 0; row < layout.rows; ++row) {
    const int64_t block = row / layout.blockRows, lane = row % layout.blockRows;
    HierarchyRow numbers = numbersOfRow(layout, matrix, row);
    for (int64_t column = 0; column < layout.columns; ++column) {
      const int64_t run = column / layout.runColumns(),
                    inRun = column % layout.runColumns(),
                    chunk = run * layout.chunksPerRun() + inRun / 32;
      for (const BitPlane &plane : bitPlanes(h.bits)) {
        int64_t vector = (block * layout.chunks() + chunk) * h.bits +
                         plane.dword(inRun % 32);
        uint8_t *dword = &packed[0][4 * (vector * layout.blockRows + lane)];
        int shift = plane.shift(inRun % 32);
        dword[shift / 8] |=
            (numbers.codes[column] >> plane.firstBit & ((1 << plane.width) - 1))
            << shift % 8;
      }
    }
    if (h.nibbleLevels)
      for (size_t group = 0; group < numbers.scales.size(); ++group)
        numbers.scales[group] |= numbers.minima[group] << 4;
    auto place = [&](std::string_view suffix, const auto &values) {
      const int index = layout.componentIndex(suffix);
      if (index < 0)
        return;
      const int bytes = byteSize(layout.components()[index].type);
      for (size_t i = 0; i < values.size(); ++i)
        std::memcpy(&packed[index][bytes * ((block * values.size() + i) *
                                                layout.blockRows +
                                            lane)],
                    &values[i], bytes);
    };
    place("scales", numbers.scales);
    place("minima", numbers.minima);
    place("zeros", numbers.minima);
    place("super_scales", numbers.superScales);
    place("super_minima", numbers.superMinima);
  }
  return packed;
}
} // namespace

TEST(Interleaved, EveryInstructionSetPlacesGgufTypesAsDefined) {
  std::mt19937 random(3);
  for (const FormatRow &row : formatTable()) {
    const BlockFields *fields = findBlockFields(row.type);
    if (!fields)
      continue;
    for (int64_t rows : {1, 16, 37})
      for (int64_t blocks : {1, 3})
        for (int64_t blockRows : {1, 5, 16, 24, 64}) {
          const int64_t columns = blocks * row.blockElements;
          InterleavedLayout layout{fields->hierarchy, rows, columns, blockRows,
                                   fields};
          std::vector<Bytes> matrix = {Bytes(rows * row.rowBytes(columns))};
          for (uint8_t &byte : matrix[0])
            byte = random();
          const std::vector<Bytes> expected = packByDefinition(layout, matrix);
          for (Isa isa : supportedIsas())
            ASSERT_EQ(pack(layout, matrix, isa), expected)
                << row.name << ", " << isaName(isa) << ", " << rows << " x "
                << columns << ", in blocks of " << blockRows;
        }
  }
}

TEST(Interleaved, EveryInstructionSetPlacesGroupedCodesAsDefined) {
  for (int bits = 2; bits <= 8; ++bits)
    for (bool symmetric : {false, true})
      for (int64_t group : {-1, 1, 20, 64, 384})
        for (int64_t columns : {1, 31, 160, 515})
          for (int64_t blockRows : {5, 16, 24}) {
            InterleavedLayout layout{GroupedScheme{bits, group, symmetric}, 37,
                                     columns, blockRows};
            std::vector<Bytes> matrix = randomMatrix(layout);
            const std::vector<Bytes> expected =
                packByDefinition(layout, matrix);
            for (Isa isa : supportedIsas())
              ASSERT_EQ(pack(layout, matrix, isa), expected)
                  << bits << " bits, group " << group << ", " << isaName(isa)
                  << ", " << columns << " columns, in blocks of " << blockRows;
          }
}

TEST(Interleaved, UnpackingInvertsPackingForEveryWidthGroupAndTail) {
  for (int bits = 2; bits <= 8; ++bits)
    for (bool symmetric : {false, true})
      for (int64_t group : {-1, 1, 20, 32, 64, 128})
        for (int64_t rows : {1, 15, 16, 17, 40})
          for (int64_t columns : {1, 31, 32, 100, 160}) {
            InterleavedLayout layout{GroupedScheme{bits, group, symmetric},
                                     rows, columns};
            std::vector<Bytes> matrix = randomMatrix(layout), back;
            for (const Bytes &buffer : matrix)
              back.emplace_back(buffer.size(), 0xcc);
            deinterleave(layout, read(pack(layout, matrix)), write(back));
            ASSERT_EQ(matrix, back) << bits << " bits, group " << group << ", "
                                    << rows << " x " << columns;
          }
}

TEST(Interleaved, BitsOfACodeAreCutIntoPlanesThatTileTheChunk) {
  for (int bits = 1; bits <= 8; ++bits) {
    std::vector<uint32_t> used(bits);
    int covered = 0;
    for (const BitPlane &plane : bitPlanes(bits)) {
      EXPECT_EQ(plane.firstBit, covered);
      covered += plane.width;
      for (int column = 0; column < 32; ++column) {
        uint32_t mask = (uint32_t((1 << plane.width) - 1))
                        << plane.shift(column);
        ASSERT_LT(plane.dword(column), bits);
        EXPECT_EQ(used[plane.dword(column)] & mask, 0u);
        used[plane.dword(column)] |= mask;
      }
    }
    EXPECT_EQ(covered, bits);
    EXPECT_EQ(used, std::vector<uint32_t>(bits, 0xffffffff));
  }
}

TEST(Interleaved, MaskingTheNibblesOfADwordGivesFourConsecutiveColumns) {
  InterleavedLayout layout{GroupedScheme{4, 32, true}, 16, 32};
  std::vector<Bytes> matrix = randomMatrix(layout);
  Bytes codes(32);
  unpackCodes(&matrix[0][3 * 16], 4, codes); // row 3
  std::vector<Bytes> packed = pack(layout, matrix);
  for (int dword = 0; dword < 4; ++dword)
    for (int byte = 0; byte < 4; ++byte) {
      uint8_t pair = packed[0][dword * 64 + 3 * 4 + byte];
      EXPECT_EQ(pair & 15, codes[8 * dword + byte]);
      EXPECT_EQ(pair >> 4, codes[8 * dword + 4 + byte]);
    }
}

TEST(Interleaved, PaddingRowsAreZero) {
  InterleavedLayout layout{GroupedScheme{8, 32, false}, 17, 40};
  std::vector<Bytes> packed = pack(layout, randomMatrix(layout));
  ASSERT_EQ(layout.blocks(), 2);
  const Bytes &zeros = packed[2];
  for (int64_t group = 0; group < 2; ++group)
    for (int lane = 1; lane < 16; ++lane)
      EXPECT_EQ(zeros[(2 + group) * 16 + lane], 0);
  for (int64_t byte = layout.chunks() * layout.chunkBytes();
       byte < int64_t(packed[0].size()); ++byte)
    if (byte / 4 % 16 != 0)
      EXPECT_EQ(packed[0][byte], 0) << byte;
}

TEST(Interleaved, HoldsEveryGgufTypeInAboutTheBytesOfItsBlocks) {
  for (const FormatRow &row : formatTable()) {
    const BlockFields *fields = findBlockFields(row.type);
    ASSERT_EQ(fields != nullptr, row.quantized) << row.name;
    if (!fields)
      continue;
    for (int64_t rows : {5, 32}) {
      InterleavedLayout layout{fields->hierarchy, rows, 512, 16, fields};
      std::mt19937 random(11);
      Bytes blocks(rows * row.rowBytes(512));
      for (uint8_t &byte : blocks)
        byte = row.type == GgufType::TQ1_0 ? (random() % 243 * 256 + 242) / 243
                                           : random();
      if (row.type == GgufType::TQ1_0) // four digits: multiples of three
        for (int64_t i = 0; i < int64_t(blocks.size()); i += row.blockBytes)
          for (int64_t byte = 48; byte < 52; ++byte)
            blocks[i + byte] = (random() % 81 * 3 * 256 + 242) / 243;
      std::vector<Bytes> packed = pack(layout, {blocks});
      std::vector<Bytes> back = {Bytes(blocks.size(), 0xcc)};
      deinterleave(layout, read(packed), write(back));
      EXPECT_EQ(blocks, back[0]) << row.name;
      int64_t bytes = 0;
      for (const Bytes &buffer : packed)
        bytes += buffer.size();
      if (rows == 32) // TQ1_0 becomes two bits per weight
        EXPECT_LE(bytes,
                  blocks.size() * (row.type == GgufType::TQ1_0 ? 1.23 : 1.04))
            << row.name;
    }
  }
}
