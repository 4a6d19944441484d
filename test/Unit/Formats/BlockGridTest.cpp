#include "qopt/Formats/BlockGrid.h"
#include "SeededInputs.h"
#include "qopt/Formats/Half.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;

TEST(BlockGrid, EveryBlockIsWhatItsPartsSay) {
  int grids = 0;
  for (const FormatRow &row : formatTable()) {
    const BlockGrid *grid = findBlockGrid(row.type);
    if (!grid)
      continue;
    ++grids;
    ASSERT_EQ(grid->elements, row.blockElements) << row.name;
    std::vector<uint8_t> blocks = seededBytes(200 * row.blockBytes);
    std::vector<float> weights(row.blockElements);
    for (size_t at = 0; at < blocks.size(); at += row.blockBytes) {
      BlockParts parts;
      grid->unpack(blocks.data() + at, parts);
      row.decode(blocks.data() + at, weights.data(), weights.size());
      for (int i = 0; i < grid->elements; ++i) {
        int j = i / grid->subElements;
        ASSERT_LT(parts.codes[i], grid->points);
        ASSERT_GE(parts.levels[j], grid->levels.low);
        ASSERT_LE(parts.levels[j], grid->levels.high);
        ASSERT_LE(parts.minimumLevels[j], grid->minimumLevels.high);
        float expected =
            f16ToF32(parts.d) * parts.levels[j] * grid->point(parts.codes[i]) -
            f16ToF32(parts.dmin) * parts.minimumLevels[j];
        ASSERT_TRUE(expected == weights[i] || std::isnan(expected))
            << row.name << ", weight " << i;
      }
      std::vector<uint8_t> packed(row.blockBytes, 0xa5);
      grid->pack(parts, packed.data());
      ASSERT_EQ(std::memcmp(packed.data(), blocks.data() + at, packed.size()),
                0)
          << row.name;
    }
  }
  EXPECT_EQ(grids, 12);
}

TEST(BlockGrid, PointsRise) {
  for (const FormatRow &row : formatTable())
    if (const BlockGrid *grid = findBlockGrid(row.type))
      for (int code = 1; code < grid->points; ++code)
        EXPECT_GT(grid->point(code), grid->point(code - 1)) << row.name;
}
