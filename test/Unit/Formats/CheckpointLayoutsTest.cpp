//===- CheckpointLayoutsTest.cpp - bits of GPTQ, AWQ, compressed-tensors --===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Golden words were worked out by hand from the definition of each format; the
// scalar definitions below are written from the formats' documentation and
// share nothing with the packers.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/AwqLayout.h"
#include "qopt/Formats/GptqLayout.h"
#include "qopt/Formats/Half.h"
#include "qopt/Formats/PackQuantizedLayout.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace qopt;

namespace {

using Buffers = std::vector<std::vector<uint8_t>>;

/// A random matrix, as itself and as the components of the grouped scheme.
struct Sample {
  GroupedMatrix matrix;
  Buffers grouped;

  Sample(GroupedScheme scheme, int64_t rows, int64_t columns)
      : matrix(scheme, rows, columns) {
    std::mt19937 random(rows * 1000 + columns * 10 + scheme.bits);
    for (uint8_t &code : matrix.codes)
      code = random() & scheme.maxCode();
    for (uint16_t &scale : matrix.scales)
      scale = f32ToF16(0.001f * (1 + random() % 100));
    for (uint8_t &zero : matrix.zeros)
      zero = random() & scheme.maxCode();
    refresh();
  }

  void refresh() {
    int64_t rowBytes = matrix.scheme.packedRowBytes(matrix.columns);
    std::vector<uint8_t> codes(matrix.rows * rowBytes);
    for (int64_t row = 0; row < matrix.rows; ++row)
      packCodes(
          {matrix.codes.data() + row * matrix.columns, size_t(matrix.columns)},
          matrix.scheme.bits, codes.data() + row * rowBytes);
    std::vector<uint8_t> scales(matrix.scales.size() * 2);
    std::memcpy(scales.data(), matrix.scales.data(), scales.size());
    grouped = {codes, scales};
    if (!matrix.scheme.symmetric)
      grouped.push_back(matrix.zeros);
  }
  int code(int64_t row, int64_t column) const {
    return matrix.codes[row * matrix.columns + column];
  }
};

template <typename Layout>
Buffers pack(const Layout &layout, const Buffers &grouped) {
  Buffers packed;
  for (const Component &component : layout.components())
    packed.emplace_back(component.bytes(), 0xa5);
  std::vector<std::span<const uint8_t>> source(grouped.begin(), grouped.end());
  std::vector<std::span<uint8_t>> target(packed.begin(), packed.end());
  layout.pack(source, target);
  return packed;
}

template <typename Layout>
Buffers unpack(const Layout &layout, const Buffers &packed,
               const Buffers &shapes) {
  Buffers grouped;
  for (const std::vector<uint8_t> &like : shapes)
    grouped.emplace_back(like.size(), 0xa5);
  std::vector<std::span<const uint8_t>> source(packed.begin(), packed.end());
  std::vector<std::span<uint8_t>> target(grouped.begin(), grouped.end());
  layout.unpack(source, target);
  return grouped;
}

uint32_t word(const std::vector<uint8_t> &bytes, int64_t index) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + 4 * index, 4);
  return value;
}

uint16_t half(const std::vector<uint8_t> &bytes, int64_t index) {
  uint16_t value;
  std::memcpy(&value, bytes.data() + 2 * index, 2);
  return value;
}

/// Bits [first, first + count) of words that are `stride` apart.
int bitsOf(const std::vector<uint8_t> &bytes, int64_t first, int count,
           int64_t start, int64_t stride) {
  int value = 0;
  for (int i = 0; i < count; ++i) {
    int64_t bit = first + i;
    value |= int(word(bytes, start + bit / 32 * stride) >> (bit % 32) & 1) << i;
  }
  return value;
}

constexpr GroupedScheme allSchemes[] = {
    {2, 32, false}, {3, 32, false}, {3, 32, true},  {4, 32, false},
    {4, 64, true},  {4, -1, false}, {8, 32, false}, {8, 64, true}};

} // namespace

TEST(GptqLayout, PacksSmallMatricesAsWorkedOutByHand) {
  // Code of (n, k) is (n + k) mod 16, zero point 8, in one group.
  Sample sample({4, -1, true}, 32, 32);
  for (int64_t n = 0; n < 32; ++n)
    for (int64_t k = 0; k < 32; ++k)
      sample.matrix.codes[n * 32 + k] = (n + k) % 16;
  for (uint16_t &scale : sample.matrix.scales)
    scale = 0x3800; // 0.5
  sample.refresh();
  Buffers v1 = pack(GptqLayout{sample.matrix.scheme, 32, 32}, sample.grouped);
  EXPECT_EQ(word(v1[0], 0), 0x76543210u);  // k 0 … 7 of row 0
  EXPECT_EQ(word(v1[0], 1), 0x87654321u);  // of row 1
  EXPECT_EQ(word(v1[0], 32), 0xfedcba98u); // k 8 … 15 of row 0
  EXPECT_EQ(word(v1[1], 3), 0x77777777u);  // 8 − 1
  EXPECT_EQ(half(v1[2], 31), 0x3800);
  EXPECT_EQ(word(v1[3], 31), 0u);
  Buffers v2 =
      pack(GptqLayout{sample.matrix.scheme, 32, 32, GptqLayout::Zeros::V2},
           sample.grouped);
  EXPECT_EQ(word(v2[1], 0), 0x88888888u);
  EXPECT_EQ(v2[0], v1[0]);

  // 3 bits: codes 0 … 7 four times are the octal digits of one 96-bit number.
  Sample octal({3, 32, true}, 32, 32);
  for (int64_t n = 0; n < 32; ++n)
    for (int64_t k = 0; k < 32; ++k)
      octal.matrix.codes[n * 32 + k] = k % 8;
  octal.refresh();
  Buffers three = pack(GptqLayout{octal.matrix.scheme, 32, 32}, octal.grouped);
  EXPECT_EQ(word(three[0], 0), 0x88fac688u);
  EXPECT_EQ(word(three[0], 32), 0xc688fac6u);
  EXPECT_EQ(word(three[0], 64), 0xfac688fau);
}

TEST(GptqLayout, EveryFieldIsWhereTheFormatSays) {
  for (const GroupedScheme &scheme : allSchemes)
    for (auto zeros : {GptqLayout::Zeros::V1, GptqLayout::Zeros::V2}) {
      int64_t N = 64, K = 128, b = scheme.bits, G = scheme.groups(K);
      Sample sample(scheme, N, K);
      GptqLayout layout{scheme, N, K, zeros};
      ASSERT_TRUE(GptqLayout::supports(scheme, N, K));
      Buffers packed = pack(layout, sample.grouped);
      ASSERT_EQ(packed.size(), 4u);
      int less = zeros == GptqLayout::Zeros::V1;
      for (int64_t n = 0; n < N; ++n) {
        for (int64_t k = 0; k < K; ++k)
          ASSERT_EQ(bitsOf(packed[0], k * b, b, n, N), sample.code(n, k));
        for (int64_t g = 0; g < G; ++g) {
          ASSERT_EQ(bitsOf(packed[1], n * b, b, g * N * b / 32, 1),
                    (sample.matrix.zero(n, g) - less) & scheme.maxCode());
          ASSERT_EQ(half(packed[2], g * N + n),
                    sample.matrix.scales[n * G + g]);
        }
      }
      for (int64_t k = 0; k < K; ++k)
        ASSERT_EQ(word(packed[3], k), k / scheme.groupLength(K));
      EXPECT_EQ(unpack(layout, packed, sample.grouped), sample.grouped);
    }
}

TEST(GptqLayout, ActOrderIsTheMatrixWithSortedColumns) {
  GroupedScheme scheme{4, 32, false};
  int64_t N = 32, K = 96;
  Sample sample(scheme, N, K);
  GptqLayout layout{scheme, N, K};
  Buffers packed = pack(layout, sample.grouped);
  std::vector<int32_t> groupOf(K);
  for (int64_t k = 0; k < K; ++k)
    groupOf[k] = (K - 1 - k) % 3;
  std::memcpy(packed[3].data(), groupOf.data(), K * 4);
  auto order = sortColumns(groupOf, 32);
  ASSERT_TRUE(order);
  EXPECT_EQ((*order)[0], 2); // the first column of group 0
  layout.order = GptqLayout::Columns::Sorted;
  Buffers sorted = unpack(layout, packed, sample.grouped);
  std::vector<uint8_t> codes(K);
  for (int64_t n = 0; n < N; ++n) {
    unpackCodes(sorted[0].data() + n * K / 2, 4, codes);
    for (int64_t i = 0; i < K; ++i)
      ASSERT_EQ(codes[i], sample.code(n, (*order)[i]));
  }
  groupOf[0] = 0; // 33 columns in one group
  EXPECT_FALSE(sortColumns(groupOf, 32));
  groupOf[0] = -1;
  EXPECT_FALSE(sortColumns(groupOf, 32));
}

TEST(GptqLayout, RefusesWhatTheFormatCannotHold) {
  EXPECT_FALSE(GptqLayout::supports({5, 32, true}, 64, 64));
  EXPECT_FALSE(GptqLayout::supports({4, 32, true}, 40, 64));
  EXPECT_FALSE(GptqLayout::supports({4, 32, true}, 64, 72));
  EXPECT_FALSE(GptqLayout::supports({4, 128, true}, 64, 192));
  GptqLayout layout{{4, 32, false}, 32, 32};
  const uint8_t zeros[] = {1, 15, 8, 0};
  EXPECT_TRUE(layout.holdsZeros({zeros, 3}));
  EXPECT_FALSE(layout.holdsZeros(zeros));
  layout.zeroPoints = GptqLayout::Zeros::V2;
  EXPECT_TRUE(layout.holdsZeros(zeros));
}

TEST(AwqLayout, PacksSmallMatricesAsWorkedOutByHand) {
  // Code of (n, k) is n; the zero point of row n is 15 − n.
  Sample sample({4, 8, false}, 8, 8);
  for (int64_t n = 0; n < 8; ++n) {
    for (int64_t k = 0; k < 8; ++k)
      sample.matrix.codes[n * 8 + k] = n;
    sample.matrix.zeros[n] = 15 - n;
  }
  sample.refresh();
  Buffers packed = pack(AwqLayout{sample.matrix.scheme, 8, 8}, sample.grouped);
  for (int64_t k = 0; k < 8; ++k)
    EXPECT_EQ(word(packed[0], k), 0x75316420u);
  EXPECT_EQ(word(packed[1], 0), 0x8ace9bdfu);
}

TEST(AwqLayout, EveryFieldIsWhereTheFormatSays) {
  constexpr int nibbleOfRow[8] = {0, 4, 1, 5, 2, 6, 3, 7};
  for (const GroupedScheme &scheme : allSchemes) {
    if (scheme.bits != 4)
      continue;
    int64_t N = 152, K = 128, G = scheme.groups(K);
    Sample sample(scheme, N, K);
    AwqLayout layout{scheme, N, K};
    ASSERT_TRUE(AwqLayout::supports(scheme, N, K));
    Buffers packed = pack(layout, sample.grouped);
    for (int64_t n = 0; n < N; ++n) {
      int shift = 4 * nibbleOfRow[n % 8];
      for (int64_t k = 0; k < K; ++k)
        ASSERT_EQ(word(packed[0], k * N / 8 + n / 8) >> shift & 15,
                  sample.code(n, k));
      for (int64_t g = 0; g < G; ++g) {
        ASSERT_EQ(word(packed[1], g * N / 8 + n / 8) >> shift & 15,
                  sample.matrix.zero(n, g));
        ASSERT_EQ(half(packed[2], g * N + n), sample.matrix.scales[n * G + g]);
      }
    }
    EXPECT_EQ(unpack(layout, packed, sample.grouped), sample.grouped);
  }
  EXPECT_FALSE(AwqLayout::supports({3, 32, true}, 64, 64));
  EXPECT_FALSE(AwqLayout::supports({4, 32, true}, 68, 64));
  EXPECT_FALSE(AwqLayout::supports({4, 48, true}, 64, 64));
}

TEST(PackQuantizedLayout, EveryFieldIsWhereTheFormatSays) {
  for (int bits = 2; bits <= 8; ++bits)
    for (bool symmetric : {false, true})
      for (WordFill fill : {WordFill::Dense, WordFill::Whole}) {
        GroupedScheme scheme{bits, 24, symmetric};
        int64_t N = 37, K = 72, G = 3;
        Sample sample(scheme, N, K);
        PackQuantizedLayout layout{scheme, N, K, DType::F16, fill};
        ASSERT_TRUE(PackQuantizedLayout::supports(scheme, N, K));
        Buffers packed = pack(layout, sample.grouped);
        ASSERT_EQ(packed.size(), symmetric ? 3u : 4u);
        int64_t perWord = 32 / bits;
        auto bit = [&](int64_t index) {
          return fill == WordFill::Dense
                     ? index * bits
                     : index / perWord * 32 + index % perWord * bits;
        };
        int64_t words = packed[0].size() / 4 / N;
        EXPECT_EQ(words, fill == WordFill::Dense ? (K * bits + 31) / 32
                                                 : (K + perWord - 1) / perWord);
        for (int64_t n = 0; n < N; ++n) {
          for (int64_t k = 0; k < K; ++k)
            ASSERT_EQ(bitsOf(packed[0], bit(k), bits, n * words, 1),
                      sample.code(n, k));
          for (int64_t g = 0; g < G && !symmetric; ++g)
            ASSERT_EQ(bitsOf(packed[2], bit(n), bits, g, G),
                      sample.matrix.zero(n, g));
        }
        EXPECT_EQ(packed[1], sample.grouped[1]);
        int64_t shape[2];
        std::memcpy(shape, packed.back().data(), sizeof shape);
        EXPECT_EQ(shape[0], N);
        EXPECT_EQ(shape[1], K);
        EXPECT_EQ(unpack(layout, packed, sample.grouped), sample.grouped);
      }
  EXPECT_FALSE(PackQuantizedLayout::supports({4, 32, true}, 8, 72));
}

TEST(CheckpointLayouts, ScalesInBf16BecomeF16) {
  Sample sample({4, 32, true}, 32, 32);
  for (uint16_t &scale : sample.matrix.scales)
    scale = f32ToF16(0.0546875f); // seven bits: exact in both
  sample.refresh();
  GptqLayout layout{sample.matrix.scheme, 32, 32, GptqLayout::Zeros::V1,
                    DType::BF16};
  Buffers packed = pack(layout, sample.grouped);
  EXPECT_EQ(half(packed[2], 0), 0x3d60);
  EXPECT_EQ(unpack(layout, packed, sample.grouped), sample.grouped);
}
