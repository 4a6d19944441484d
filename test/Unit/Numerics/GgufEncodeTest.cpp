//===- GgufEncodeTest.cpp - matrices as GGUF blocks -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/GgufEncode.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

using namespace qopt;

namespace {
struct EncodedMatrix : testing::Test {
  static constexpr int64_t rows = 70, columns = 64; // more than two tasks
  std::vector<float> weights = std::vector<float>(rows * columns);

  EncodedMatrix() {
    for (size_t i = 0; i < weights.size(); ++i)
      weights[i] = std::sin(float(i));
  }
  Result<std::vector<uint8_t>> encode(GgufType type, unsigned threads,
                                      std::span<const float> importance = {}) {
    ThreadPool pool(threads);
    return encodeBlocks(
        *findFormat(type), rows, columns,
        [&](int64_t first, MutableMatrix target) -> Status {
          std::memcpy(target.data, weights.data() + first * columns,
                      target.rows * columns * sizeof(float));
          return {};
        },
        pool, importance);
  }
};
} // namespace

TEST_F(EncodedMatrix, IsEveryRowEncodedForAnyNumberOfThreads) {
  const FormatRow &format = *findFormat(GgufType::Q8_0);
  std::vector<uint8_t> expected(rows * format.rowBytes(columns));
  for (int64_t row = 0; row < rows; ++row)
    format.encode(weights.data() + row * columns, nullptr,
                  expected.data() + row * format.rowBytes(columns), columns);
  EXPECT_EQ(*encode(GgufType::Q8_0, 1), expected);
  EXPECT_EQ(*encode(GgufType::Q8_0, 3), expected);
}

TEST_F(EncodedMatrix, NamesTheFirstWeightThatIsNotFinite) {
  weights[65 * columns + 3] = std::numeric_limits<float>::quiet_NaN();
  weights[33 * columns + 5] = std::numeric_limits<float>::infinity();
  auto result = encode(GgufType::Q4_0, 2);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::BadInput);
  EXPECT_NE(result.error().message.find("row 33, column 5"), std::string::npos);
}

TEST_F(EncodedMatrix, CountsRowsOfAPartFromItsFirst) {
  const FormatRow &format = *findFormat(GgufType::Q4_0);
  std::vector<uint8_t> expected(2 * format.rowBytes(columns));
  format.encodeRows(weights.data() + 68 * columns, nullptr, expected.data(), 2,
                    columns);
  ThreadPool pool(2);
  auto read = [&](int64_t first, MutableMatrix target) -> Status {
    std::memcpy(target.data, weights.data() + first * columns,
                target.rows * columns * sizeof(float));
    return {};
  };
  EXPECT_EQ(*encodeBlocks(format, 2, columns, read, pool, {}, 68), expected);
  weights[69 * columns] = std::numeric_limits<float>::infinity();
  auto result = encodeBlocks(format, 2, columns, read, pool, {}, 68);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("row 69, column 0"), std::string::npos);
}

TEST_F(EncodedMatrix, ReturnsWhyReadingEnds) {
  ThreadPool pool(1);
  int64_t reads = 0;
  auto result = encodeBlocks(
      *findFormat(GgufType::Q8_0), rows, columns,
      [&](int64_t, MutableMatrix target) -> Status {
        std::fill_n(target.data, target.rows * columns, 0.0f);
        if (++reads > 1)
          return makeError(ErrorKind::Interrupted, "stopped");
        return {};
      },
      pool);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::Interrupted);
}

TEST_F(EncodedMatrix, RefusesWeightsThatF16CannotHold) {
  weights[columns + 2] = 65519; // rounds down
  EXPECT_TRUE(encode(GgufType::F16, 1));
  weights[columns + 2] = -65520; // rounds to infinity
  auto result = encode(GgufType::F16, 1);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("row 1, column 2"), std::string::npos);
  EXPECT_TRUE(encode(GgufType::BF16, 1));
}

TEST_F(EncodedMatrix, WeightsErrorsByTheImportanceOfEachMatrixOfAStack) {
  const FormatRow &format = *findFormat(GgufType::Q4_0);
  std::vector<float> importance(2 * columns);
  for (size_t i = 0; i < importance.size(); ++i)
    importance[i] = i % 7 + i / columns;
  std::vector<uint8_t> expected(rows * format.rowBytes(columns));
  for (int64_t row = 0; row < rows; ++row)
    format.encode(weights.data() + row * columns,
                  importance.data() + row / (rows / 2) * columns,
                  expected.data() + row * format.rowBytes(columns), columns);
  EXPECT_EQ(*encode(GgufType::Q4_0, 1, importance), expected);
  EXPECT_EQ(*encode(GgufType::Q4_0, 3, importance), expected);
  EXPECT_NE(*encode(GgufType::Q4_0, 1), expected);
}
