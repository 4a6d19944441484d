// The reference decoder of the GPU check, written down from docs/nvptx.md,
// against the packing that the compiler does.
#include "Layouts.h"
#include "qopt/Formats/MmaLayout.h"

#include <gtest/gtest.h>
#include <random>

using namespace qopt;

static void compare(int64_t rows, int64_t columns, int64_t group,
                    bool symmetric) {
  GroupedScheme scheme;
  scheme.bits = 4;
  scheme.groupSize = group;
  scheme.symmetric = symmetric;
  MmaLayout layout = {scheme, rows, columns};
  int64_t groups = scheme.groups(columns);

  std::mt19937 random(7);
  std::vector<uint8_t> codes(rows * scheme.packedRowBytes(columns));
  std::vector<uint8_t> scales(2 * rows * groups), zeros(rows * groups);
  for (std::vector<uint8_t> *bytes : {&codes, &scales, &zeros})
    for (uint8_t &byte : *bytes)
      byte = random();
  for (uint8_t &zero : zeros)
    zero &= 15;

  WeightFormat format = {rows, columns, 4, group, !symmetric};
  std::vector<uint8_t> packed(format.packedBytes()),
      packedScales(2 * format.parameters()), packedZeros(format.parameters());
  std::vector<std::span<const uint8_t>> source = {codes, scales};
  std::vector<std::span<uint8_t>> target = {packed, packedScales};
  if (!symmetric) {
    source.push_back(zeros);
    target.push_back(packedZeros);
  }
  std::vector<Component> components = layout.components();
  ASSERT_EQ(components.size(), target.size());
  for (size_t i = 0; i < target.size(); ++i)
    EXPECT_EQ(int64_t(target[i].size()), components[i].bytes()) << i;
  layout.pack(source, target);

  WeightPointers pointers = {packed.data(),
                             reinterpret_cast<uint16_t *>(packedScales.data()),
                             symmetric ? nullptr : packedZeros.data()};
  std::vector<uint8_t> row(columns);
  for (int64_t n = 0; n < rows; ++n) {
    unpackCodes(codes.data() + n * scheme.packedRowBytes(columns), 4, row);
    for (int64_t k = 0; k < columns; ++k) {
      int64_t index = n * groups + (group > 0 ? k / group : 0), scale = 0;
      int zero = symmetric ? 8 : zeros[index];
      ASSERT_EQ(differenceAt(format, pointers, n, k, scale), row[k] - zero)
          << n << ' ' << k;
      ASSERT_EQ(pointers.scales[scale],
                scales[2 * index] | scales[2 * index + 1] << 8);
      int64_t rowOfScale, groupOfScale;
      format.parameterPlace(scale, rowOfScale, groupOfScale);
      ASSERT_EQ(rowOfScale, n);
      ASSERT_EQ(groupOfScale, index % groups);
    }
  }
}

TEST(GpuLayout, IsWhatTheCompilerPacks) {
  compare(64, 256, 128, true);
  compare(72, 136, 64, false);
  compare(8, 328, 32, false);
  compare(136, 520, -1, false);
  compare(200, 1160, 256, true);
}
