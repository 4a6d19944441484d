#include "qopt/Formats/BlockFields.h"
#include "qopt/Formats/Half.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace qopt;

namespace {
/// Rows of random bytes whose f16 numbers are finite.
std::vector<uint8_t> randomBlocks(const FormatRow &row,
                                  const BlockFields &fields, int64_t count) {
  std::mt19937 random(5);
  std::vector<uint8_t> bytes(count * row.blockBytes);
  for (uint8_t &byte : bytes)
    byte = random();
  for (int64_t i = 0; i < count; ++i)
    for (int place : {fields.scaleByte, fields.minimumByte}) {
      if (place < 0 || row.type == GgufType::MXFP4)
        continue;
      uint16_t half = f32ToF16(float(int(random() % 2001) - 1000) / 777);
      std::memcpy(&bytes[i * row.blockBytes + place], &half, 2);
    }
  return bytes;
}
} // namespace

TEST(BlockFields, DescribeWhatTheDecodersOfTheTableCompute) {
  constexpr int64_t blocks = 40;
  for (const FormatRow &row : formatTable()) {
    const BlockFields *fields = findBlockFields(row.type);
    ASSERT_EQ(fields != nullptr, row.quantized) << row.name;
    if (!fields)
      continue;
    const int64_t columns = blocks * row.blockElements;
    std::vector<uint8_t> bytes = randomBlocks(row, *fields, blocks);
    HierarchyRow numbers(fields->hierarchy, columns);
    fields->read(bytes.data(), numbers);
    std::vector<float> expected(columns), actual(columns);
    row.decode(bytes.data(), expected.data(), columns);
    numbers.dequantize(fields->hierarchy, actual.data());
    EXPECT_EQ(expected, actual) << row.name;
  }
}

TEST(BlockFields, WriteBackTheBytesThatTheyRead) {
  for (const FormatRow &row : formatTable()) {
    const BlockFields *fields = findBlockFields(row.type);
    if (!fields || fields->ternaryDigits) // digits have several encodings
      continue;
    std::vector<uint8_t> bytes = randomBlocks(row, *fields, 7);
    HierarchyRow numbers(fields->hierarchy, 7 * row.blockElements);
    fields->read(bytes.data(), numbers);
    std::vector<uint8_t> back(bytes.size(), 0xcc);
    fields->write(numbers, back.data());
    EXPECT_EQ(bytes, back) << row.name;
  }
}
