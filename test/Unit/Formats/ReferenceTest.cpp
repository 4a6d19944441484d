#include "ReferenceDigests.h"
#include "Support/SupportedIsas.h"
#include "qopt/Formats/FormatTable.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;

namespace {
const FormatRow &findRow(Isa isa, std::string_view name) {
  auto table = formatTable(isa);
  auto row = std::ranges::find(table, name, &FormatRow::name);
  EXPECT_NE(row, table.end()) << name;
  return *row;
}

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

TEST(Reference, EncodersGiveTheBytesOfGgmlWithEveryInstructionSet) {
  std::vector<float> importance = seededImportance();
  for (Isa isa : supportedIsas())
    for (const ReferenceDigests &reference : referenceDigests) {
      const FormatRow &row = findRow(isa, reference.format);
      for (int i = 0; i < distributions; ++i) {
        EXPECT_EQ(encodedDigest(row, Distribution(i), nullptr),
                  reference.plain[i])
            << isaName(isa) << " " << row.name << ", distribution " << i;
        EXPECT_EQ(encodedDigest(row, Distribution(i), importance.data()),
                  reference.byImportance[i])
            << isaName(isa) << " " << row.name
            << " with importance, distribution " << i;
      }
    }
}

TEST(Reference, DecodersGiveTheBitsOfGgmlWithEveryInstructionSet) {
  for (Isa isa : supportedIsas())
    for (const ReferenceDigests &reference : referenceDigests) {
      const FormatRow &row = findRow(isa, reference.format);
      std::vector<uint8_t> blocks = seededBytes(seededBlocks * row.blockBytes);
      std::vector<float> weights(seededBlocks * row.blockElements);
      row.decode(blocks.data(), weights.data(), weights.size());
      EXPECT_EQ(digest(std::span<const float>(weights)), reference.decoded)
          << isaName(isa) << " " << row.name;
    }
}
