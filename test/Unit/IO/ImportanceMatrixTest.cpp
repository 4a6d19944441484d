#include "qopt/IO/ImportanceMatrix.h"
#include "TestFiles.h"
#include "qopt/IO/Gguf.h"

#include <cmath>
#include <limits>

using namespace qopt;
using namespace qopt::test;

namespace {
/// Two dense tensors and a stack of two experts, one of which saw nothing.
ImportanceMatrix example() {
  ImportanceMatrix matrix;
  matrix.datasets = {"a.txt"};
  matrix.chunks = 3;
  matrix.chunkSize = 16;
  matrix.set({"blk.0.attn_q.weight", {48, 96, 0, 24}, {48}});
  matrix.set({"blk.0.attn_k.weight", {1, 2}, {1}});
  matrix.setMatrix("blk.0.ffn_up_exps.weight", 1, 2, std::vector<double>{6, 3},
                   3);
  return matrix;
}

std::string written(const ImportanceMatrix &matrix) {
  TemporaryDirectory directory;
  std::string path = directory.path("m.gguf");
  EXPECT_TRUE(matrix.write(path, false));
  return contentOf(path);
}

std::string i32(int32_t value) { return littleEndian(value); }
std::string floats(std::initializer_list<float> values) {
  std::string bytes;
  for (float value : values)
    bytes += littleEndian(value);
  return bytes;
}
std::string datEntry(std::string_view name, int32_t calls,
                     std::initializer_list<float> values) {
  return i32(name.size()) + std::string(name) + i32(calls) +
         i32(values.size()) + floats(values);
}

std::string refusal(const std::string &bytes) {
  std::string message;
  onExactCopy(bytes, [&](ByteSpan copy) {
    auto parsed = parseImportance(copy, "m.dat");
    EXPECT_FALSE(parsed);
    if (!parsed) {
      EXPECT_EQ(parsed.error().kind, ErrorKind::BadInput);
      message = parsed.error().message;
    }
  });
  return message;
}
#define EXPECT_REFUSED(bytes, text)                                            \
  EXPECT_NE(refusal(bytes).find(text), std::string::npos) << refusal(bytes)
} // namespace

TEST(ImportanceMatrix, ReadsWhatItWrites) {
  const ImportanceMatrix original = example();
  std::string bytes = written(original);
  auto read = parseImportance(span(bytes), "m.gguf");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->datasets, original.datasets);
  EXPECT_EQ(read->chunks, 3u);
  EXPECT_EQ(read->chunkSize, 16u);
  ASSERT_EQ(read->entries().size(), 3u);
  for (const ImportanceEntry &expected : original.entries()) {
    const ImportanceEntry *entry = read->find(expected.tensor);
    ASSERT_NE(entry, nullptr) << expected.tensor;
    EXPECT_EQ(entry->sumSquares, expected.sumSquares);
    EXPECT_EQ(entry->counts, expected.counts);
  }
}

TEST(ImportanceMatrix, WeightsAreMeansAndOnesWhereNoTokenCame) {
  ImportanceMatrix matrix = example();
  EXPECT_EQ(*matrix.weightsOf("blk.0.attn_q.weight", 4),
            (std::vector<float>{1, 2, 0, 0.5f}));
  EXPECT_EQ(*matrix.weightsOf("blk.0.ffn_up_exps.weight", 2, 2),
            (std::vector<float>{1, 1, 2, 1}));
  EXPECT_TRUE(matrix.weightsOf("output.weight", 4)->empty());
  // One row of numbers serves every matrix of a stack.
  EXPECT_EQ(matrix.weightsOf("blk.0.attn_k.weight", 2, 8)->size(), 2u);
  auto wrong = matrix.weightsOf("blk.0.attn_q.weight", 3);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("\"blk.0.attn_q.weight\" has 4 values"),
            std::string::npos);
}

TEST(ImportanceMatrix, ReadsDatFiles) {
  std::string entries =
      i32(2) + datEntry("a", 2, {2, 6}) + datEntry("stack", 4, {4, 8, 12, 16});
  for (const std::string &tail :
       {std::string(), i32(7) + i32(5) + "b.txt", i32(7) + i32(0)}) {
    std::string bytes = entries + tail;
    auto read = parseImportance(span(bytes), "m.dat");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read->weightsOf("a", 2), (std::vector<float>{1, 3}));
    EXPECT_EQ(*read->weightsOf("stack", 2, 2),
              (std::vector<float>{1, 2, 3, 4}));
    EXPECT_EQ(read->chunks, tail.empty() ? 0u : 7u);
    EXPECT_EQ(read->datasets.size(), tail.size() > 8 ? 1u : 0u);
  }
}

TEST(ImportanceMatrix, RefusesNumbersThatAreNoSumsOfSquares) {
  for (float value : {-1.f, std::numeric_limits<float>::infinity(),
                      std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_REFUSED(i32(1) + datEntry("w", 1, {1, value}), "\"w\": value 1 is");
    ImportanceMatrix matrix;
    matrix.set({"w", {1, 2}, {value}});
    EXPECT_REFUSED(written(matrix), "\"w\": count 0 is");
  }
  ImportanceMatrix matrix; // a quotient that would overflow
  matrix.set({"w", {3e38f}, {1e-30f}});
  EXPECT_REFUSED(written(matrix), "\"w\": count 0 is");
}

TEST(ImportanceMatrix, RefusesShapesThatDoNotFit) {
  std::string valid = written(example());
  EXPECT_REFUSED(
      replaced(valid, "attn_q.weight.counts", "attn_q.weight.countz"),
      "has sums but no counts");
  EXPECT_REFUSED(replaced(valid, "imatrix", "imatriz"), "not an importance");
  TemporaryDirectory directory;
  std::string path = directory.path("odd.gguf");
  auto writer = GgufWriter::create(path, {},
                                   {{"w.in_sum2", GgufType::F32, {2, 4}},
                                    {"w.counts", GgufType::F32, {1, 3}}});
  ASSERT_TRUE(writer);
  std::vector<uint8_t> zeros(32);
  EXPECT_TRUE(writer->write("w.in_sum2", zeros));
  EXPECT_TRUE(writer->write("w.counts", ByteSpan(zeros).first(12)));
  EXPECT_TRUE(writer->finish());
  EXPECT_REFUSED(contentOf(path), "counts do not fit sums of 4 matrices");
}

TEST(ImportanceMatrix, RefusesDamagedDatFiles) {
  std::string entry = datEntry("w", 1, {1});
  EXPECT_REFUSED("", "number of entries");
  EXPECT_REFUSED(i32(0), "number of entries is 0");
  EXPECT_REFUSED(i32(-1), "number of entries is -1");
  EXPECT_REFUSED(i32(INT32_MAX) + entry, "the length of a name");
  EXPECT_REFUSED(i32(1) + i32(INT32_MAX) + "w", "a name");
  EXPECT_REFUSED(i32(1) + i32(1) + "\xff" + i32(1) + i32(1) + floats({1}),
                 "is not UTF-8");
  EXPECT_REFUSED(i32(1) + i32(1) + "w" + i32(-1), "number of calls is -1");
  EXPECT_REFUSED(i32(1) + i32(1) + "w" + i32(1) + i32(INT32_MAX), "values");
  EXPECT_REFUSED(i32(2) + entry + entry, "\"w\" stands there twice");
  EXPECT_REFUSED(i32(1) + entry + i32(1) + i32(0) + "x", "follow the end");
}

TEST(ImportanceMatrix, SurvivesTruncationAndMutation) {
  auto parse = [](ByteSpan bytes) { (void)parseImportance(bytes, "m"); };
  for (const std::string &valid :
       {written(example()), i32(2) + datEntry("a", 2, {2, 6}) +
                                datEntry("b", 4, {4, 8}) + i32(7) + i32(5) +
                                "b.txt"}) {
    for (size_t size = 0; size < valid.size(); ++size)
      onExactCopy(valid.substr(0, size), parse);
    mutate(valid, 3000, parse);
  }
}
