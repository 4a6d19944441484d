#include "qopt/Formats/MmaLayout.h"
#include "qopt/Formats/Half.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace qopt;

namespace {

struct Packed {
  GroupedMatrix matrix;
  MmaLayout layout;
  std::vector<std::vector<uint8_t>> grouped, packed;
};

std::vector<std::span<const uint8_t>>
constSpans(const std::vector<std::vector<uint8_t>> &buffers) {
  return {buffers.begin(), buffers.end()};
}

std::vector<std::span<uint8_t>>
spans(std::vector<std::vector<uint8_t>> &buffers) {
  return {buffers.begin(), buffers.end()};
}

Packed randomPacked(GroupedScheme scheme, int64_t rows, int64_t columns) {
  std::mt19937 random(rows * 1000 + columns);
  Packed result{GroupedMatrix(scheme, rows, columns),
                MmaLayout{scheme, rows, columns},
                {},
                {}};
  GroupedMatrix &matrix = result.matrix;
  for (uint8_t &code : matrix.codes)
    code = random() & 15;
  for (uint16_t &scale : matrix.scales)
    scale = f32ToF16(0.001f * (1 + random() % 100));
  for (uint8_t &zero : matrix.zeros)
    zero = random() & 15;

  int64_t rowBytes = scheme.packedRowBytes(columns);
  std::vector<uint8_t> codes(rows * rowBytes);
  for (int64_t row = 0; row < rows; ++row)
    packCodes({matrix.codes.data() + row * columns, size_t(columns)}, 4,
              codes.data() + row * rowBytes);
  std::vector<uint8_t> scales(matrix.scales.size() * 2);
  std::memcpy(scales.data(), matrix.scales.data(), scales.size());
  result.grouped = {codes, scales};
  if (!scheme.symmetric)
    result.grouped.push_back(matrix.zeros);
  for (const Component &component : result.layout.components())
    result.packed.emplace_back(component.bytes(), 0xff);
  result.layout.pack(constSpans(result.grouped), spans(result.packed));
  return result;
}

uint32_t word(const std::vector<uint8_t> &bytes, int64_t offset) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + offset, 4);
  return value;
}

/// mma.sync.m16n8k16 as the PTX ISA defines its fragments: of a lane with
/// groupID g and thread-in-group t, A registers hold rows g, g+8 and column
/// pairs 2t, 2t+8; B registers column g and row pairs 2t, 2t+8; the
/// accumulators rows g, g+8 and columns 2t, 2t+1.
struct Mma {
  float a[16][16] = {}, b[16][8] = {};
  void setA(int lane, int reg, int half, float value) {
    a[lane / 4 + 8 * (reg % 2)][2 * (lane % 4) + 8 * (reg / 2) + half] = value;
  }
  void setB(int lane, int reg, int half, float value) {
    b[2 * (lane % 4) + 8 * reg + half][lane / 4] = value;
  }
  double result(int lane, int reg) const {
    int row = lane / 4 + 8 * (reg / 2), column = 2 * (lane % 4) + reg % 2;
    double sum = 0;
    for (int k = 0; k < 16; ++k)
      sum += double(a[row][k]) * b[k][column];
    return sum;
  }
};

/// What a kernel does for 8 rows of x, with the words of the packed weight cut
/// as lop3 cuts them: tiles of W are the left operands, x the right one.
std::vector<double> runFragments(const Packed &p, const std::vector<float> &x) {
  const MmaLayout &layout = p.layout;
  int64_t rows = layout.rows, columns = layout.columns;
  int64_t groupLength = layout.scheme.groupLength(layout.paddedColumns());
  std::vector<double> y(8 * rows);
  for (int64_t tile = 0; tile < layout.tilesOfRows(); ++tile)
    for (int64_t step = 0; step < layout.paddedColumns() / 16; ++step) {
      int64_t parameters =
          (tile * layout.paddedGroups() + step * 16 / groupLength) * 16;
      Mma mma;
      for (int lane = 0; lane < 32; ++lane) {
        int64_t place = tile * layout.tilesOfColumns() + step / 4;
        uint32_t q =
            word(p.packed[0], place * 512 + lane * 16 + 4 * (step % 4));
        for (int reg = 0; reg < 4; ++reg) {
          uint32_t pair = q >> 4 * reg & 0x000f000f;
          int zero = layout.scheme.symmetric
                         ? 8
                         : p.packed[2][parameters + 2 * (lane / 4) + reg % 2];
          mma.setA(lane, reg, 0, int(pair & 15) - zero);
          mma.setA(lane, reg, 1, int(pair >> 16) - zero);
        }
        for (int reg = 0; reg < 2; ++reg)
          for (int half = 0; half < 2; ++half) {
            int64_t k = 16 * step + 8 * reg + 2 * (lane % 4) + half;
            mma.setB(lane, reg, half,
                     k < columns ? x[lane / 4 * columns + k] : 0);
          }
      }
      for (int lane = 0; lane < 32; ++lane)
        for (int reg = 0; reg < 4; ++reg) {
          int64_t h = reg / 2, n = tile * 16 + 8 * h + lane / 4;
          int64_t m = 2 * (lane % 4) + reg % 2;
          uint16_t scale;
          std::memcpy(
              &scale,
              p.packed[1].data() + 2 * (parameters + 2 * (lane / 4) + h), 2);
          if (n < rows)
            y[m * rows + n] += f16ToF32(scale) * mma.result(lane, reg);
        }
    }
  return y;
}

const GroupedScheme schemes[] = {{4, 32, false}, {4, 64, true},
                                 {4, 64, false}, {4, 128, false},
                                 {4, 256, true}, {4, -1, false}};

} // namespace

TEST(MmaLayout, UnpackingIsTheExactInverseOfPacking) {
  for (const GroupedScheme &scheme : schemes)
    for (auto [rows, columns] : {std::pair(8, 8), {32, 128}, {40, 264}}) {
      Packed p = randomPacked(scheme, rows, columns);
      std::vector<std::vector<uint8_t>> back;
      for (const std::vector<uint8_t> &buffer : p.grouped)
        back.emplace_back(buffer.size(), 0xff);
      p.layout.unpack(constSpans(p.packed), spans(back));
      EXPECT_EQ(back, p.grouped) << rows << " x " << columns;
    }
}

TEST(MmaLayout, EveryPlaceIsUsedOnce) {
  MmaLayout layout{{4, 64, false}, 64, 256};
  std::vector<int> codes(2 * 64 * 128), parameters(64 * 4);
  for (int64_t row = 0; row < 64; ++row) {
    for (int64_t column = 0; column < 256; ++column) {
      MmaLayout::Place place = layout.codePlace(row, column);
      ++codes.at(2 * place.byte + place.shift / 4);
    }
    for (int64_t group = 0; group < 4; ++group)
      ++parameters.at(layout.parameterIndex(row, group));
  }
  EXPECT_EQ(codes, std::vector<int>(codes.size(), 1));
  EXPECT_EQ(parameters, std::vector<int>(parameters.size(), 1));
}

TEST(MmaLayout, FragmentsOfMmaSyncReproduceTheProduct) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (const GroupedScheme &scheme : schemes)
    for (auto [rows, columns] : {std::pair(32, 128), {40, 264}}) {
      Packed p = randomPacked(scheme, rows, columns);
      std::vector<float> x(8 * columns), w(columns);
      for (float &value : x)
        value = normal(random);
      std::vector<double> y = runFragments(p, x);
      for (int64_t n = 0; n < rows; ++n) {
        p.matrix.dequantizeRow(n, w.data());
        for (int64_t m = 0; m < 8; ++m) {
          double expected = 0;
          for (int64_t k = 0; k < columns; ++k)
            expected += double(x[m * columns + k]) * w[k];
          EXPECT_NEAR(y[m * rows + n], expected, 1e-6)
              << rows << " x " << columns << " at " << m << ", " << n;
        }
      }
    }
}

TEST(MmaLayout, SaysWhatItCannotHold) {
  EXPECT_TRUE(MmaLayout::supports({4, 128, false}, 8, 8));
  EXPECT_EQ(MmaLayout::supports({3, 128, false}, 8, 8).error().message,
            "the mma layout holds 4-bit codes, not 3-bit ones");
  EXPECT_EQ(MmaLayout::supports({4, 48, false}, 8, 8).error().message,
            "the mma layout takes groups of 32, 64, a multiple of 128 or a "
            "whole row, not 48");
  EXPECT_EQ(MmaLayout::supports({4, 64, false}, 8, 12).error().message,
            "the mma layout needs rows and columns that are multiples of 8, "
            "not 8 x 12");
}
