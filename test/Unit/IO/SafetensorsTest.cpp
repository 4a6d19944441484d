#include "qopt/IO/Safetensors.h"
#include "TestFiles.h"

using namespace qopt;
using namespace qopt::test;

namespace {
std::string file(std::string_view header, std::string_view data) {
  return littleEndian<uint64_t>(header.size()) + std::string(header) +
         std::string(data);
}

const std::string validHeader =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2,3],)"
    R"("data_offsets":[4,16]},"a":{"dtype":"U8","shape":[4],)"
    R"("data_offsets":[0,4]},"e":{"dtype":"F32","shape":[0,5],)"
    R"("data_offsets":[4,4]}})";

std::string refusal(const std::string &bytes) {
  auto header = parseSafetensors(span(bytes), "m.safetensors");
  EXPECT_FALSE(header);
  return header ? "" : header.error().message;
}

/// The message for the valid file with one text of its header replaced.
std::string refusalWith(std::string_view what, std::string_view with) {
  return refusal(file(replaced(validHeader, what, with), std::string(16, 'x')));
}

bool contains(const std::string &text, std::string_view part) {
  return text.find(part) != text.npos;
}
} // namespace

TEST(Safetensors, ParsesNamesTypesShapesAndPlaces) {
  std::string bytes = file(validHeader, std::string(16, 'x'));
  auto header = parseSafetensors(span(bytes), "f");
  ASSERT_TRUE(header) << header.error().message;
  ASSERT_EQ(header->tensors.size(), 3u);
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[1].name, "e");
  const SafetensorsTensor &b = header->tensors[2];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.dtype, DType::F16);
  EXPECT_EQ(b.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b.offset, 8 + validHeader.size() + 4);
  EXPECT_EQ(b.bytes, 12u);
  EXPECT_EQ(header->metadata, (StringPairs{{"format", "pt"}}));
}

TEST(Safetensors, RefusesHeadersThatLieAboutThemselves) {
  EXPECT_TRUE(contains(refusal(""), "at byte 0"));
  EXPECT_TRUE(contains(refusal(littleEndian<uint64_t>(50) + "{}"),
                       "needs 50 bytes, the file has 2 left"));
  for (uint64_t length : {uint64_t(100'000'001), uint64_t(1) << 63, UINT64_MAX})
    EXPECT_TRUE(contains(refusal(littleEndian(length) + "{}"), "at most"));
  EXPECT_TRUE(contains(refusal(file("[]", "")), "does not start with {"));
  EXPECT_TRUE(contains(refusal(file(" {}", "")), "does not start with {"));
  refusal(file("", ""));
  refusal(file("{} x", ""));
  EXPECT_TRUE(contains(refusal(file("{\"\xFF\":1}", "")), "UTF-8"));
}

TEST(Safetensors, RefusesHolesOverlapAndTrailingBytes) {
  std::string header = validHeader;
  EXPECT_TRUE(contains(refusal(file(header, std::string(17, 'x'))),
                       "1 bytes follow the last tensor"));
  EXPECT_TRUE(contains(refusal(file(header, std::string(15, 'x'))),
                       "is not a part of the 15 bytes"));
  EXPECT_TRUE(contains(
      refusal(file(replaced(header, "[4,16]", "[5,17]"), std::string(17, 'x'))),
      "\"b\" starts at byte"));
  EXPECT_TRUE(contains(refusalWith("[4,16]", "[3,15]"), "\"b\" starts at"));
  EXPECT_TRUE(contains(refusalWith("[4,16]", "[16,4]"), "b.data_offsets"));
  EXPECT_TRUE(contains(refusal(file("{}", "x")), "follow the last"));
}

TEST(Safetensors, RefusesBadEntriesByName) {
  EXPECT_TRUE(contains(refusalWith("\"F16\"", "\"F13\""), ": b: element type"));
  EXPECT_TRUE(contains(refusalWith("[4,16]", "[4,14]"),
                       "covers 10 bytes, but type and shape make 12"));
  EXPECT_TRUE(contains(refusalWith("[2,3]", "[-2,-3]"), "b.shape[0]"));
  EXPECT_TRUE(contains(refusalWith("[2,3]", "[2.0,3]"), "b.shape[0]"));
  EXPECT_TRUE(contains(
      refusalWith("[2,3]", "[4294967296,4294967296,4294967296]"), "too many"));
  EXPECT_TRUE(contains(refusalWith("[2,3]", "[9223372036854775808]"), "shape"));
  EXPECT_TRUE(contains(refusalWith("\"shape\":[2,3],", ""), "\"shape\""));
  EXPECT_TRUE(contains(refusalWith("[4,16]", "[4]"), "begin and end"));
  EXPECT_TRUE(contains(refusalWith("[4,16]", "[-4,8]"), "data_offsets[0]"));
  EXPECT_TRUE(contains(refusalWith("\"a\":", "\"b\":"), "duplicate key"));
  EXPECT_TRUE(contains(refusalWith("\"a\":", "\"\":"), "name is empty"));
  EXPECT_TRUE(contains(refusalWith("\"a\":", "\"\\u0000\":"), "NUL"));
  EXPECT_TRUE(contains(refusalWith("\"pt\"", "1"), "__metadata__.format"));
  refusalWith("{\"format\":\"pt\"}", "[]");
}

TEST(Safetensors, EveryTruncationIsAnError) {
  std::string bytes = file(validHeader, std::string(16, 'x'));
  for (size_t size = 0; size < bytes.size(); ++size)
    onExactCopy(bytes.substr(0, size), [&](ByteSpan part) {
      EXPECT_FALSE(parseSafetensors(part, "f")) << size;
    });
}

TEST(Safetensors, MutationsNeverPlaceATensorOutside) {
  std::string bytes = file(validHeader, std::string(16, 'x'));
  mutate(bytes, 8000, [](ByteSpan mutated) {
    auto header = parseSafetensors(mutated, "f");
    if (!header)
      return;
    for (const SafetensorsTensor &tensor : header->tensors) {
      EXPECT_LE(tensor.offset, mutated.size());
      EXPECT_LE(tensor.bytes, mutated.size() - tensor.offset);
    }
  });
}

TEST(SafetensorsWriter, WritesGoldenBytes) {
  TemporaryDirectory directory;
  std::string path = directory.path("m.safetensors");
  auto writer = SafetensorsWriter::create(path,
                                          {{"codes", DType::U8, {3}},
                                           {"scales", DType::F16, {1, 2}},
                                           {"none", DType::F32, {0}}},
                                          {{"format", "qopt"}});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->write("codes", span("abc")));
  ASSERT_TRUE(writer->writePart("scales", 2, span("34")));
  ASSERT_TRUE(writer->writePart("scales", 0, span("12")));
  ASSERT_TRUE(writer->finish());
  std::string header =
      R"({"__metadata__":{"format":"qopt"},"none":{"dtype":"F32","shape":[0],)"
      R"("data_offsets":[0,0]},"scales":{"dtype":"F16","shape":[1,2],)"
      R"("data_offsets":[0,4]},"codes":{"dtype":"U8","shape":[3],)"
      R"("data_offsets":[4,7]}})";
  header.resize((8 + header.size() + 63) / 64 * 64 - 8, ' ');
  EXPECT_EQ(contentOf(path), file(header, "1234abc"));

  SafetensorsFile back = SafetensorsFile::open(path).value();
  ByteSpan codes = back.data(*back.find("codes")).value();
  EXPECT_EQ(std::string(codes.begin(), codes.end()), "abc");
  EXPECT_EQ(back.find("scales")->shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(back.find("nothing"), nullptr);
  EXPECT_EQ(back.metadata(), (StringPairs{{"format", "qopt"}}));
}

TEST(SafetensorsWriter, RefusesWrongDeclarations) {
  TemporaryDirectory directory;
  std::string path = directory.path("m.safetensors");
  EXPECT_FALSE(SafetensorsWriter::create(path, {{"", DType::U8, {1}}}));
  EXPECT_FALSE(SafetensorsWriter::create(path, {{"a", DType::U8, {-1}}}));
  EXPECT_FALSE(SafetensorsWriter::create(
      path, {{"a", DType::U8, {1}}, {"a", DType::U8, {1}}}));
  EXPECT_EQ(directory.count(), 0u);
}
