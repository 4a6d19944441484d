#include "ReferenceDigests.h"
#include "qopt/Formats/FormatTable.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;

namespace {
uint64_t encodedDigest(const FormatRow &row, Distribution distribution,
                       const float *importance) {
  std::vector<float> weights = seededWeights(distribution);
  std::vector<uint8_t> blocks(seededRows * row.rowBytes(seededColumns));
  row.encodeRows(weights.data(), importance, blocks.data(), seededRows,
                 seededColumns);
  return digest(std::span<const uint8_t>(blocks));
}
} // namespace

TEST(Reference, CoversEveryQuantizedType) {
  size_t quantized = 0;
  for (const FormatRow &row : formatTable())
    quantized += row.quantized;
  EXPECT_EQ(std::size(referenceDigests), quantized);
}

TEST(Reference, EncodersGiveTheBytesOfGgml) {
  std::vector<float> importance = seededImportance();
  for (const ReferenceDigests &reference : referenceDigests) {
    const FormatRow *row = findFormat(reference.format);
    ASSERT_TRUE(row);
    for (int i = 0; i < distributions; ++i) {
      EXPECT_EQ(encodedDigest(*row, Distribution(i), nullptr),
                reference.plain[i])
          << reference.format << ", distribution " << i;
      EXPECT_EQ(encodedDigest(*row, Distribution(i), importance.data()),
                reference.byImportance[i])
          << reference.format << " with importance, distribution " << i;
    }
  }
}

TEST(Reference, DecodersGiveTheBitsOfGgml) {
  for (const ReferenceDigests &reference : referenceDigests) {
    const FormatRow *row = findFormat(reference.format);
    ASSERT_TRUE(row);
    std::vector<uint8_t> blocks = seededBytes(seededBlocks * row->blockBytes);
    std::vector<float> weights(seededBlocks * row->blockElements);
    row->decode(blocks.data(), weights.data(), weights.size());
    EXPECT_EQ(digest(std::span<const float>(weights)), reference.decoded)
        << reference.format;
  }
}
