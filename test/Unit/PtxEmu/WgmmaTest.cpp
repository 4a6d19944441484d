//===- WgmmaTest.cpp - what wgmma computes in the PTX emulator ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The layouts in shared memory are written here as nested shapes and strides in
// elements of 16 bits, in the notation of CuTe's "canonical layouts" of GMMA
// descriptors, and a swizzle of address bits; the emulator has formulas.
//
//===----------------------------------------------------------------------===//
#include "Wgmma.h"

#include <bit>
#include <random>

using namespace ptx;
using namespace ptx::test;

namespace {

/// A coordinate runs through shapes from the left; T = 8 elements.
struct Mode {
  std::vector<unsigned> shapes, strides;
  unsigned operator()(unsigned coordinate) const {
    unsigned offset = 0;
    for (size_t i = 0; i < shapes.size(); ++i) {
      offset += coordinate % shapes[i] * strides[i];
      coordinate /= shapes[i];
    }
    return offset;
  }
};

struct Matrix {
  unsigned rows;           ///< M or N
  bool isTurned;           ///< MN-major
  unsigned swizzle;        ///< bytes: 0, 32, 64, 128
  unsigned start;          ///< byte offset of the tile
  unsigned slice;          ///< K-major with a swizzle: 16 columns of the tile
  unsigned sbo, lbo;       ///< elements
  std::vector<int> values; ///< [row * 16 + k]

  unsigned pieces() const { return swizzle ? swizzle / 16 : 1; }

  /// Byte offset of an element.
  unsigned place(unsigned row, unsigned k) const {
    constexpr unsigned T = 8, rest = 1 << 20;
    unsigned w = pieces(), offset;
    if (isTurned && !swizzle)
      offset =
          Mode{{T, 1, rest}, {1, T, sbo}}(row) + Mode{{8, rest}, {T, lbo}}(k);
    else if (isTurned)
      offset = Mode{{T, w, rest}, {1, T, lbo}}(row) +
               Mode{{8, rest}, {w * T, sbo}}(k);
    else if (!swizzle)
      offset = Mode{{8, rest}, {T, sbo}}(row) + Mode{{T, 2}, {1, lbo}}(k);
    else
      offset = Mode{{8, rest}, {w * T, sbo}}(row) + Mode{{T, 2}, {1, T}}(k) +
               16 * slice;
    unsigned byte = start + 2 * offset;
    // Swizzle<B, 4, 3>: bits 7... go into bits 4...
    unsigned bits = swizzle == 128 ? 7 : swizzle == 64 ? 3 : swizzle ? 1 : 0;
    return byte ^ ((byte >> 7 & bits) << 4);
  }

  /// Without the address of the shared array.
  uint64_t descriptor() const {
    uint64_t mode = swizzle == 128 ? 1 : swizzle == 64 ? 2 : swizzle ? 3 : 0;
    unsigned first = start + (isTurned ? 0 : 32 * slice);
    return uint64_t(first >> 4) | uint64_t(2 * lbo >> 4) << 16 |
           uint64_t(2 * sbo >> 4) << 32 | mode << 62;
  }
};

uint32_t encode(int value, bool brain) {
  return brain ? std::bit_cast<uint32_t>(float(value)) >> 16
               : std::bit_cast<uint16_t>(_Float16(value));
}

struct Case {
  unsigned columns;
  bool brain, registersA, adds;
  int scaleA, scaleB;
  Matrix a, b;
};

void check(Case test) {
  SCOPED_TRACE(
      "N " + std::to_string(test.columns) + " swizzle " +
      std::to_string(test.a.swizzle) + "/" + std::to_string(test.b.swizzle) +
      " turned " + std::to_string(test.a.isTurned) +
      std::to_string(test.b.isTurned) + (test.registersA ? " registers" : ""));
  std::mt19937 random(test.columns);
  constexpr unsigned bytes = 64 * 1024;
  std::vector<uint16_t> image(bytes / 2, uint16_t(encode(99, test.brain)));
  for (Matrix *m : {&test.a, &test.b}) {
    m->values.resize(m->rows * 16);
    for (unsigned row = 0; row < m->rows; ++row)
      for (unsigned k = 0; k < 16; ++k) {
        int value = int(random() % 17) - 8;
        m->values[row * 16 + k] = value;
        ASSERT_LT(m->place(row, k), bytes);
        image[m->place(row, k) / 2] = uint16_t(encode(value, test.brain));
      }
  }
  Words in(bytes / 4);
  std::memcpy(in.data(), image.data(), bytes);
  // m64nNk16, A: row groupID for registers 0 and 2, groupID + 8 for 1 and 3.
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned i = 0; i < 4; ++i) {
      unsigned row = thread / 32 * 16 + thread % 32 / 4 + (i % 2 ? 8 : 0);
      unsigned k = thread % 4 * 2 + (i >= 2 ? 8 : 0);
      in.push_back(encode(test.a.values[row * 16 + k], test.brain) |
                   encode(test.a.values[row * 16 + k + 1], test.brain) << 16);
    }
  unsigned each = test.columns / 2;
  std::vector<int> c(128 * each);
  for (int &value : c) {
    value = int(random() % 100);
    in.push_back(std::bit_cast<uint32_t>(float(value)));
  }

  std::string code = copyToShared(bytes) + "fence.proxy.async; bar.sync 0;\n";
  code += "mul.lo.u32 %r3, %lane, 16; cvt.u64.u32 %d0, %r3; add.u64 %d0, %d0, "
          "%in; ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%d0+" +
          std::to_string(bytes) + "];\n";
  code += "mul.lo.u32 %r3, %lane, " + std::to_string(4 * each) +
          "; cvt.u64.u32 %d1, %r3; add.u64 %d2, %d1, %in; add.u64 %d3, %d1, "
          "%out;\n";
  if (test.adds)
    for (unsigned i = 0; i < each; ++i)
      code += "ld.global.b32 %f" + std::to_string(i) + ", [%d2+" +
              std::to_string(bytes + 128 * 16 + 4 * i) + "];\n";
  code += descriptor("%d4", test.a.descriptor()) +
          descriptor("%d5", test.b.descriptor());
  code += std::string("setp.eq.u32 %p0, 0, ") + (test.adds ? "0" : "1") +
          "; wgmma.fence.sync.aligned;\n";
  std::string type = test.brain ? "bf16" : "f16";
  code += "wgmma.mma_async.sync.aligned.m64n" + std::to_string(test.columns) +
          "k16.f32." + type + "." + type + " " + accumulators(test.columns) +
          ", " + (test.registersA ? "{%r4, %r5, %r6, %r7}" : "%d4") +
          ", %d5, %p0, " + std::to_string(test.scaleA) + ", " +
          std::to_string(test.scaleB) +
          (test.registersA   ? ""
           : test.a.isTurned ? ", 1"
                             : ", 0") +
          (test.b.isTurned ? ", 1;\n" : ", 0;\n");
  code += "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;\n";
  for (unsigned i = 0; i < each; ++i)
    code += "st.global.b32 [%d3+" + std::to_string(4 * i) + "], %f" +
            std::to_string(i) + ";\n";
  Outcome result = run(wgmmaModule(code), in, 128 * each, {1, 128, bytes});
  ASSERT_EQ(result.error, "");

  unsigned wrong = 0;
  for (unsigned thread = 0; thread < 128; ++thread)
    for (unsigned i = 0; i < each; ++i) {
      unsigned row = thread / 32 * 16 + thread % 32 / 4 + (i % 4 < 2 ? 0 : 8);
      unsigned column = i / 4 * 8 + thread % 4 * 2 + (i & 1);
      int sum = 0;
      for (unsigned k = 0; k < 16; ++k)
        sum += test.a.values[row * 16 + k] * test.b.values[column * 16 + k];
      sum *= test.scaleA * test.scaleB;
      if (test.adds)
        sum += c[thread * each + i];
      wrong += std::bit_cast<float>(result.out[thread * each + i]) != sum;
    }
  EXPECT_EQ(wrong, 0u);
}

Matrix kMajor(unsigned rows, unsigned swizzle, unsigned start,
              unsigned slice = 0) {
  if (!swizzle) // core matrices of 128 bytes, neighbours in K first
    return {rows, false, 0, start, 0, 128, 64, {}};
  return {rows, false, swizzle, start, slice, 8 * swizzle / 2, 8, {}};
}

/// Lines of `swizzle` bytes with 8 of K one after the other; then K, then rows.
Matrix rowMajor(unsigned rows, unsigned swizzle, unsigned start) {
  if (!swizzle) // neighbours in the rows first: 64 elements each
    return {rows, true, 0, start, 0, 64, rows * 8, {}};
  return {rows, true, swizzle, start, 0, 8 * swizzle / 2, 16 * swizzle / 2, {}};
}

constexpr unsigned startB = 16 * 1024;

TEST(PtxWgmma, EveryNumberOfColumns) {
  for (unsigned columns = 8; columns <= 256; columns += 8)
    check({columns, columns % 16 == 8, true, columns % 24 == 0, 1, 1,
           kMajor(64, 0, 0), kMajor(columns, 128, startB, columns / 8 % 4)});
}

TEST(PtxWgmma, KMajorMatricesOfEverySwizzle) {
  for (unsigned swizzle : {0u, 32u, 64u, 128u})
    for (unsigned slice = 0; slice < std::max(1u, swizzle / 32); ++slice) {
      check({64, false, false, false, 1, 1, kMajor(64, swizzle, 0, slice),
             kMajor(64, swizzle, startB, slice)});
      check({24, true, true, true, 1, 1, kMajor(64, 0, 0),
             kMajor(24, swizzle, startB, slice)});
    }
}

TEST(PtxWgmma, MatricesAlongTheirRowsOfEverySwizzle) {
  for (unsigned swizzle : {0u, 32u, 64u, 128u}) {
    check({128, false, false, false, 1, 1, rowMajor(64, swizzle, 0),
           rowMajor(128, swizzle, startB)});
    check({256, true, true, true, 1, 1, kMajor(64, 0, 0),
           rowMajor(256, swizzle, startB)});
    check({32, false, false, true, 1, 1, kMajor(64, swizzle, 0),
           rowMajor(32, swizzle, startB)});
  }
}

TEST(PtxWgmma, StridesMayLeaveGaps) {
  Matrix a = kMajor(64, 0, 512), b = kMajor(40, 64, startB);
  a.lbo = 8 * 64 + 64, a.sbo = 64; // neighbours in M first
  b.sbo = 3 * 8 * 32;
  check({40, false, false, false, 1, 1, a, b});
  Matrix turned = rowMajor(192, 128, startB);
  turned.lbo = 5 * 8 * 64, turned.sbo = 2 * 8 * 64;
  check({192, false, false, false, 1, 1, a, turned});
}

TEST(PtxWgmma, ScalesNegate) {
  for (int a : {1, -1})
    for (int b : {1, -1})
      check({16, false, true, true, a, b, kMajor(64, 0, 0),
             kMajor(16, 32, startB)});
}

TEST(PtxWgmma, ThePatternOfASwizzleMayStartAnywhere) {
  // Rows 0 ... 7 of a tile begin at line 3 of 128 bytes: the base offset is 3,
  // and the pattern is that of an aligned tile, moved.
  MatrixDescriptor aligned(uint64_t(1) << 62 | uint64_t(64) << 32);
  MatrixDescriptor moved(uint64_t(1) << 62 | uint64_t(64) << 32 |
                         uint64_t(3) << 49 | 3 * 128 / 16);
  for (unsigned row = 0; row < 64; ++row)
    for (unsigned c = 0; c < 2; ++c)
      EXPECT_EQ(moved.alongK(row, c), aligned.alongK(row, c) + 3 * 128);
}

TEST(PtxWgmma, UnsupportedFormsAreErrors) {
  auto error = [](const std::string &op) {
    return run(wgmmaModule("wgmma.mma_async.sync.aligned." + op), {}, 1,
               {1, 128})
        .error;
  };
  EXPECT_NE(error("m64n20k16.f32.f16.f16 {%f0}, %d0, %d1, 1, 1, 1, 0, 0;")
                .find("shape"),
            std::string::npos);
  EXPECT_NE(error("m64n8k16.f32.f16.bf16 " + accumulators(8) +
                  ", %d0, %d1, 1, 1, 1, 0, 0;")
                .find("types"),
            std::string::npos);
  EXPECT_NE(error("m64n8k16.f32.f16.f16 " + accumulators(16) +
                  ", %d0, %d1, 1, 1, 1, 0, 0;")
                .find("4 registers"),
            std::string::npos);
  EXPECT_NE(error("m64n8k16.f32.f16.f16 " + accumulators(8) +
                  ", %d0, %d1, 1, 2, 1, 0, 0;")
                .find("1 or -1"),
            std::string::npos);
}

} // namespace
