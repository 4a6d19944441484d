//===- MatrixTest.cpp - matrix instructions in the PTX emulator -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The layouts are written here as the PTX ISA gives them for each shape, in
// "Matrix Fragments for mma.m16n8k..."; the emulator uses one rule for all.
//
//===----------------------------------------------------------------------===//
#include "Kernel.h"

#include <bit>
#include <functional>
#include <random>

using namespace ptx;
using namespace ptx::test;

namespace {

struct Place {
  unsigned row, column;
};
/// Place of element i of a lane's fragment.
using Layout = std::function<Place(unsigned lane, unsigned i)>;

struct Shape16 {
  const char *name;
  unsigned k, elementBits;
  unsigned elementsA, elementsB;
  Layout a, b; ///< b: (k, n)
  std::function<uint32_t(int)> encode;
};

Place placeC(unsigned lane, unsigned i) {
  return {lane / 4 + (i < 2 ? 0 : 8), 2 * (lane % 4) + (i & 1)};
}

uint32_t halfOf(int value) { return std::bit_cast<uint16_t>(_Float16(value)); }
uint32_t floatOf(int value) { return std::bit_cast<uint32_t>(float(value)); }
uint32_t brainOf(int value) { return floatOf(value) >> 16; }

// m16n8k16 of 16 bits.
Place a16(unsigned lane, unsigned i) {
  return {lane / 4 + (i < 2 || (4 <= i && i < 6) ? 0 : 8),
          lane % 4 * 2 + (i & 1) + (i < 4 ? 0 : 8)};
}
Place b16(unsigned lane, unsigned i) {
  return {lane % 4 * 2 + (i & 1) + (i < 2 ? 0 : 8), lane / 4};
}
// m16n8k8 of 16 bits.
Place a8(unsigned lane, unsigned i) {
  return {lane / 4 + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1)};
}
Place b8(unsigned lane, unsigned i) { return {lane % 4 * 2 + i, lane / 4}; }
// m16n8k32 of 8 bits.
Place a32(unsigned lane, unsigned i) {
  return {lane / 4 + (i < 4 || (8 <= i && i < 12) ? 0 : 8),
          lane % 4 * 4 + (i & 3) + (i < 8 ? 0 : 16)};
}
Place b32(unsigned lane, unsigned i) {
  return {lane % 4 * 4 + (i & 3) + (i < 4 ? 0 : 16), lane / 4};
}
// m16n8k16 of 8 bits.
Place a16Bytes(unsigned lane, unsigned i) {
  return {lane / 4 + (i < 4 ? 0 : 8), lane % 4 * 4 + (i & 3)};
}
Place b16Bytes(unsigned lane, unsigned i) {
  return {lane % 4 * 4 + i, lane / 4};
}
// m16n8k8 of tf32.
Place a8Tensor(unsigned lane, unsigned i) {
  return {lane / 4 + (i == 0 || i == 2 ? 0 : 8), lane % 4 + (i < 2 ? 0 : 4)};
}
Place b8Tensor(unsigned lane, unsigned i) {
  return {lane % 4 + (i ? 4 : 0), lane / 4};
}

uint32_t byteOf(int value) { return uint8_t(value); }

const Shape16 shapes[] = {
    {"m16n8k16.row.col.f32.f16.f16.f32", 16, 16, 8, 4, a16, b16, halfOf},
    {"m16n8k16.row.col.f32.bf16.bf16.f32", 16, 16, 8, 4, a16, b16, brainOf},
    {"m16n8k16.row.col.f16.f16.f16.f16", 16, 16, 8, 4, a16, b16, halfOf},
    {"m16n8k8.row.col.f32.f16.f16.f32", 8, 16, 4, 2, a8, b8, halfOf},
    {"m16n8k8.row.col.f32.bf16.bf16.f32", 8, 16, 4, 2, a8, b8, brainOf},
    {"m16n8k32.row.col.s32.s8.s8.s32", 32, 8, 16, 8, a32, b32, byteOf},
    {"m16n8k16.row.col.s32.s8.s8.s32", 16, 8, 8, 4, a16Bytes, b16Bytes, byteOf},
    {"m16n8k8.row.col.f32.tf32.tf32.f32", 8, 32, 4, 2, a8Tensor, b8Tensor,
     floatOf},
};

/// Registers of a fragment: elements from the low bits on.
std::vector<Words>
pack(unsigned elements, unsigned bits,
     const std::function<uint32_t(unsigned, unsigned)> &element) {
  unsigned perWord = 32 / bits;
  std::vector<Words> words(elements / perWord, Words(32));
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < elements; ++i)
      words[i / perWord][lane] |= element(lane, i) << bits * (i % perWord);
  return words;
}

std::string registers(unsigned first, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", %r" : "%r") + std::to_string(first + i);
  return text + "}";
}

TEST(PtxMatrix, FragmentsLieWhereTheIsaPutsThem) {
  std::mt19937 random(1);
  for (const Shape16 &shape : shapes) {
    bool half =
        std::string(shape.name).find(".f16.f16.f16.f16") != std::string::npos;
    bool integer = std::string(shape.name).find("s32") != std::string::npos;
    int a[16][32], b[32][8], c[16][8];
    for (auto &row : a)
      for (int &value : row)
        value = int(random() % 15) - 7;
    for (auto &row : b)
      for (int &value : row)
        value = int(random() % 15) - 7;
    for (auto &row : c)
      for (int &value : row)
        value = int(random() % 100) - 50;
    std::vector<Words> in = pack(
        shape.elementsA, shape.elementBits, [&](unsigned lane, unsigned i) {
          Place place = shape.a(lane, i);
          return shape.encode(a[place.row][place.column]);
        });
    unsigned countA = unsigned(in.size());
    for (Words &words : pack(shape.elementsB, shape.elementBits,
                             [&](unsigned lane, unsigned i) {
                               Place place = shape.b(lane, i);
                               return shape.encode(b[place.row][place.column]);
                             }))
      in.push_back(words);
    unsigned countB = unsigned(in.size()) - countA;
    auto encodeC = half      ? halfOf
                   : integer ? [](int value) { return uint32_t(value); }
                             : floatOf;
    for (Words &words : pack(4, half ? 16 : 32, [&](unsigned lane, unsigned i) {
           Place place = placeC(lane, i);
           return encodeC(c[place.row][place.column]);
         }))
      in.push_back(words);
    unsigned countC = half ? 2 : 4;
    std::string body = std::string("mma.sync.aligned.") + shape.name + " " +
                       registers(32, countC) + ", " + registers(0, countA) +
                       ", " + registers(countA, countB) + ", " +
                       registers(countA + countB, countC) + ";";
    std::vector<Words> out = lanes(body, in, countC);
    std::vector<Words> expected =
        pack(4, half ? 16 : 32, [&](unsigned lane, unsigned i) {
          Place place = placeC(lane, i);
          int sum = c[place.row][place.column];
          for (unsigned k = 0; k < shape.k; ++k)
            sum += a[place.row][k] * b[k][place.column];
          return encodeC(sum);
        });
    EXPECT_EQ(out, expected) << shape.name;
  }
}

TEST(PtxMatrix, SumsAreKeptInTheAccumulatorsPrecision) {
  // 2048 + 1 is not an f16, but is an f32. Element (0, 0) of c is in lane 0.
  Words one(32, 0x3c003c00), zero(32, 0);
  std::vector<Words> in{one,
                        zero,
                        zero,
                        zero,
                        one,
                        zero,
                        Words(32, 0x68006800),
                        Words(32, floatOf(2048))};
  const char *both =
      "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%r32, %r33}, {%r0, "
      "%r1, %r2, %r3}, {%r4, %r5}, {%r6, %r6};"
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%r34, %r35, %r36, "
      "%r37}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, {%r7, %r7, %r7, %r7};";
  std::vector<Words> out = lanes(both, in, 3);
  EXPECT_EQ(out[0][0], 0x68046804u); // 2048 + 8: eight products of one
  EXPECT_EQ(out[2][0], floatOf(2056));
}

/// ldmatrix of a buffer of 32 rows of 16 bytes whose 16-bit element (row, c) is
/// 8 row + c.
std::vector<Words> loadMatrices(const std::string &instruction,
                                unsigned outputs) {
  std::string body =
      ".shared .align 16 .b8 tile[512];\n"
      "mov.u32 %r1, tile; shl.b32 %r2, %lane, 4; add.u32 %r3, %r1, %r2;"
      "shl.b32 %r4, %lane, 3; mov.u32 %r5, 0;\n";
  for (unsigned word = 0; word < 4; ++word)
    body += "add.u32 %r6, %r4, " + std::to_string(2 * word) +
            "; add.u32 %r7, %r6, 1; shl.b32 %r7, %r7, 16;"
            "or.b32 %r6, %r6, %r7; st.shared.b32 [%r3+" +
            std::to_string(4 * word) + "], %r6;\n";
  body += "bar.sync 0;\n" + instruction;
  return lanes(body, {}, outputs);
}

TEST(PtxMatrix, LdmatrixGivesEachLaneAPairOfARow) {
  std::vector<Words> out = loadMatrices("ldmatrix.sync.aligned.m8n8.x4.shared."
                                        "b16 {%r32, %r33, %r34, %r35}, [%r3];",
                                        4);
  for (unsigned matrix = 0; matrix < 4; ++matrix)
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint32_t first = 8 * (8 * matrix + lane / 4) + 2 * (lane % 4);
      EXPECT_EQ(out[matrix][lane], first | (first + 1) << 16);
    }
}

TEST(PtxMatrix, LdmatrixTransposes) {
  std::vector<Words> out = loadMatrices("ldmatrix.sync.aligned.m8n8.x2.trans."
                                        "shared::cta.b16 {%r32, %r33}, [%r3];",
                                        2);
  for (unsigned matrix = 0; matrix < 2; ++matrix)
    for (unsigned lane = 0; lane < 32; ++lane) {
      uint32_t first = 8 * (8 * matrix + 2 * (lane % 4)) + lane / 4;
      EXPECT_EQ(out[matrix][lane], first | (first + 8) << 16);
    }
}

TEST(PtxMatrix, StmatrixIsTheInverseOfLdmatrix) {
  for (const char *transposition : {"", ".trans"}) {
    std::string t = transposition;
    std::vector<Words> out =
        loadMatrices("ldmatrix.sync.aligned.m8n8.x4" + t +
                         ".shared.b16 {%r10, %r11, %r12, %r13}, [%r3];"
                         "bar.warp.sync -1; .shared .align 16 .b8 other[512]; "
                         "mov.u32 %r20, other; add.u32 %r21, %r20, %r2;"
                         "stmatrix.sync.aligned.m8n8.x4" +
                         t +
                         ".shared.b16 [%r21], {%r10, %r11, %r12, %r13};"
                         "bar.warp.sync -1; ld.shared.v4.b32 {%r32, %r33, "
                         "%r34, %r35}, [%r21];",
                     4);
    for (unsigned word = 0; word < 4; ++word)
      for (unsigned lane = 0; lane < 32; ++lane) {
        uint32_t first = 8 * lane + 2 * word;
        EXPECT_EQ(out[word][lane], first | (first + 1) << 16);
      }
  }
}

TEST(PtxMatrix, LdmatrixFeedsMmaAsRowMajorTiles) {
  // The A operand of m16n8k16 by one ldmatrix.x4: lanes 0-15 give rows 0-15 of
  // columns 0-7, lanes 16-31 those of columns 8-15.
  std::string body =
      ".shared .align 16 .b8 tile[512];\n"
      "mov.u32 %r20, tile; shl.b32 %r21, %lane, 4; add.u32 %r22, %r20, %r21;"
      "st.shared.v4.b32 [%r22], {%r0, %r1, %r2, %r3}; bar.sync 0;"
      "and.b32 %r23, %lane, 15; shl.b32 %r23, %r23, 5; and.b32 %r24, %lane, "
      "16; add.u32 %r23, %r23, %r24; add.u32 %r25, %r20, %r23;"
      "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r32, %r33, %r34, %r35}, "
      "[%r25];";
  // Row r, column c of A is 16 r + c; lane l stores row l / 2, half l % 2.
  std::vector<Words> in(4, Words(32));
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned word = 0; word < 4; ++word) {
      uint32_t first = 16 * (lane / 2) + 8 * (lane % 2) + 2 * word;
      in[word][lane] = first | (first + 1) << 16;
    }
  std::vector<Words> out = lanes(body, in, 4);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 8; ++i) {
      Place place = a16(lane, i);
      EXPECT_EQ(out[i / 2][lane] >> 16 * (i % 2) & 0xffff,
                16 * place.row + place.column);
    }
}

TEST(PtxMatrix, AMisalignedRowIsAnError) {
  Outcome result =
      run(module(".shared .align 16 .b8 tile[544]; mov.u32 %r1, tile; "
                 "shl.b32 %r2, %lane, 4; add.u32 %r3, %r1, %r2;"
                 "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r32, "
                 "%r33, %r34, %r35}, [%r3+8];"),
          {}, 1);
  EXPECT_ERROR(result,
               "thread (0,0,0): ldmatrix.sync.aligned.m8n8.x4.shared.b16: "
               "shared address 8 is not a multiple of 16");
}

TEST(PtxMatrix, AllLanesMustTakePart) {
  Outcome result =
      run(module("mov.b32 %r0, 0; setp.lt.u32 %p0, %lane, 16;"
                 "@%p0 mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%r1, "
                 "%r2, %r3, %r4}, {%r0, %r0}, {%r0}, {%r0, %r0, %r0, %r0};"),
          {}, 1);
  EXPECT_ERROR(result, "needs all lanes");
}

} // namespace
