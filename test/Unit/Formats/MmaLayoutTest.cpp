#include "MmaSchemes.h"

using namespace qopt;

namespace {

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
std::vector<double> runFragments(const MmaPacked &p,
                                 const std::vector<float> &x) {
  const MmaLayout &layout = p.layout;
  const AffineHierarchy &h = layout.hierarchy;
  int64_t rows = layout.rows, columns = layout.columns;
  std::vector<double> y(8 * rows);
  for (int64_t tile = 0; tile < layout.tilesOfRows(); ++tile)
    for (int64_t step = 0; step < layout.paddedColumns() / 16; ++step) {
      Mma mma;
      for (int lane = 0; lane < 32; ++lane) {
        int64_t place =
            (tile * layout.tilesOfColumns() + step / 4) * layout.tileBytes();
        for (int reg = 0; reg < 4; ++reg) {
          int pair = 4 * (step % 4) + reg, codes[2] = {};
          for (const MmaPlane &plane : layout.planes()) {
            uint32_t q =
                word(p.packed[0], place + plane.byte(lane, plane.word(pair)));
            for (int half = 0; half < 2; ++half)
              codes[half] |= (q >> (plane.bit(pair) + 16 * half) &
                              ((1u << plane.width) - 1))
                             << plane.firstBit;
          }
          for (int half = 0; half < 2; ++half)
            mma.setA(lane, reg, half, codes[half]);
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
          int64_t n = tile * 16 + 8 * (reg / 2) + lane / 4;
          int64_t m = 2 * (lane % 4) + reg % 2;
          if (n >= rows || step * 16 >= columns)
            continue;
          int64_t group = step * 16 / h.groupLength(columns);
          const HierarchyRow &row = p.row(n);
          double zero = layout.hasZeros() ? row.minima[group] : h.zero;
          double minimum = layout.hasZeros() ? 0 : row.minimum(h, group);
          double ofX = 0;
          for (int64_t k = 16 * step; k < std::min(16 * step + 16, columns);
               ++k)
            ofX += x[m * columns + k];
          y[m * rows + n] +=
              row.scale(h, group) * (mma.result(lane, reg) - zero * ofX) -
              minimum * ofX;
        }
    }
  return y;
}

} // namespace

TEST(MmaLayout, UnpackingIsTheExactInverseOfPacking) {
  for (const MmaScheme &scheme : mmaSchemes())
    for (auto [rows, columns] :
         {std::pair(8, 8), {32, 128}, {40, 264}, {24, 768}}) {
      if (scheme.fields && columns % scheme.fields->elements != 0)
        continue;
      MmaPacked p(scheme, rows, columns);
      std::vector<std::vector<uint8_t>> back;
      for (const std::vector<uint8_t> &buffer : p.source)
        back.emplace_back(buffer.size(), 0xff);
      p.layout.unpack(MmaPacked::constSpans(p.packed), MmaPacked::spans(back));
      EXPECT_EQ(back, p.source)
          << scheme.name << ' ' << rows << " x " << columns;
    }
}

TEST(MmaLayout, EveryBitIsUsedOnce) {
  for (int bits : {2, 3, 4, 5, 6, 8}) {
    MmaLayout layout{GroupedScheme{bits, 64, false}, 64, 256};
    std::vector<int> used(layout.components()[0].bytes() * 8);
    for (const MmaPlane &plane : layout.planes())
      for (int64_t row = 0; row < 64; ++row)
        for (int64_t column = 0; column < 256; ++column) {
          MmaLayout::Place place = layout.codePlace(plane, row, column);
          for (int bit = 0; bit < plane.width; ++bit)
            ++used.at(8 * place.byte + place.shift + bit);
        }
    EXPECT_EQ(used, std::vector<int>(used.size(), 1)) << bits;
  }
}

TEST(MmaLayout, EveryParameterHasItsPlace) {
  MmaLayout layout{GroupedScheme{4, 64, false}, 64, 256};
  std::vector<int> used(64 * 4);
  for (int64_t row = 0; row < 64; ++row)
    for (int64_t group = 0; group < 4; ++group)
      ++used.at(layout.parameterIndex(row, group));
  EXPECT_EQ(used, std::vector<int>(used.size(), 1));
}

TEST(MmaLayout, FragmentsOfMmaSyncReproduceTheProduct) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (const MmaScheme &scheme : mmaSchemes())
    for (auto [rows, columns] : {std::pair(40, 264), {16, 256}}) {
      if (scheme.fields && columns % scheme.fields->elements != 0)
        continue;
      MmaPacked p(scheme, rows, columns);
      std::vector<float> x(8 * columns), w(columns);
      for (float &value : x)
        value = normal(random);
      std::vector<double> y = runFragments(p, x);
      for (int64_t n = 0; n < rows; ++n) {
        p.row(n).dequantize(scheme.hierarchy, w.data());
        for (int64_t m = 0; m < 8; ++m) {
          double expected = 0, size = 0;
          for (int64_t k = 0; k < columns; ++k) {
            expected += double(x[m * columns + k]) * w[k];
            size += std::abs(double(x[m * columns + k]) * w[k]);
          }
          EXPECT_NEAR(y[m * rows + n], expected, 1e-6 * size)
              << scheme.name << ' ' << rows << " x " << columns << " at " << m
              << ", " << n;
        }
      }
    }
}

TEST(MmaLayout, SaysWhatItCannotHold) {
  auto error = [](GroupedScheme scheme, int64_t columns) {
    return MmaLayout::supports(scheme, 8, columns).error().message;
  };
  EXPECT_TRUE(MmaLayout::supports(GroupedScheme{4, 128, false}, 8, 8));
  EXPECT_EQ(error({7, 128, false}, 8),
            "the mma layout holds no 7-bit codes; 8-bit ones are as fast");
  EXPECT_EQ(error({4, 48, false}, 8),
            "the mma layout takes groups of 16, 32, 64, a multiple of 128 or a "
            "whole row, not 48");
  EXPECT_EQ(error({4, 64, false}, 12),
            "the mma layout needs rows and columns that are multiples of 8, "
            "not 8 x 12");
  EXPECT_EQ(
      MmaLayout::supports(findBlockFields(GgufType::IQ4_NL)->hierarchy, 8, 32)
          .error()
          .message,
      "the mma layout holds no codes that stand for values of a table");
}
