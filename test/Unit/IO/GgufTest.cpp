#include "qopt/IO/Gguf.h"
#include "TestFiles.h"

using namespace qopt;
using namespace qopt::test;

namespace {
std::string text(std::string_view value) {
  return littleEndian<uint64_t>(value.size()) + std::string(value);
}
template <typename T> std::string number(T value) {
  return littleEndian<T>(value);
}

struct TensorText {
  std::string name;
  std::vector<uint64_t> dims;
  uint32_t type;
  uint64_t offset;
  std::string bytes() const {
    std::string result = text(name) + number<uint32_t>(dims.size());
    for (uint64_t dim : dims)
      result += number(dim);
    return result + number(type) + number(offset);
  }
};

std::string gguf(const std::vector<std::string> &keys,
                 const std::vector<TensorText> &tensors, size_t dataBytes) {
  std::string result = "GGUF" + number<uint32_t>(3) +
                       number<uint64_t>(tensors.size()) +
                       number<uint64_t>(keys.size());
  for (const std::string &key : keys)
    result += key;
  for (const TensorText &tensor : tensors)
    result += tensor.bytes();
  result.resize((result.size() + 31) / 32 * 32);
  return result + std::string(dataBytes, 'd');
}

std::string keyU32(std::string_view key, uint32_t value) {
  return text(key) + number<uint32_t>(4) + number(value);
}

const TensorText first = {"a", {32, 2}, 8, 0}; // Q8_0: 68 bytes, padded 96
const TensorText second = {"b", {3}, 0, 96};   // F32: 12 bytes

std::string refusal(const std::string &bytes) {
  std::string message;
  onExactCopy(bytes, [&](ByteSpan copy) {
    auto header = parseGguf(copy, "m.gguf");
    EXPECT_FALSE(header);
    if (!header)
      message = header.error().message;
  });
  return message;
}

std::string refusalOf(TensorText tensor) {
  return refusal(gguf({}, {tensor}, 4096));
}

bool contains(const std::string &text, std::string_view part) {
  return text.find(part) != text.npos;
}
} // namespace

TEST(Gguf, ParsesKeysAndTensors) {
  std::string strings = text("tokens") + number<uint32_t>(9) +
                        number<uint32_t>(8) + number<uint64_t>(2) + text("x") +
                        text("");
  std::string bytes = gguf({keyU32("n", 7), strings}, {first, second}, 96 + 12);
  auto header = parseGguf(span(bytes), "f");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->metadata.getUnsigned("n").value(), 7u);
  EXPECT_EQ(*header->metadata.getStrings("tokens").value(),
            (std::vector<std::string>{"x", ""}));
  ASSERT_EQ(header->tensors.size(), 2u);
  EXPECT_EQ(header->tensors[0].type, GgufType::Q8_0);
  EXPECT_EQ(header->tensors[0].rowLength(), 32);
  EXPECT_EQ(header->tensors[0].rows(), 2);
  EXPECT_EQ(header->tensors[0].bytes, 68u);
  EXPECT_EQ(header->tensors[1].offset, bytes.size() - 12);
}

TEST(Gguf, RefusesWrongMagicAndVersions) {
  std::string valid = gguf({}, {}, 0);
  ASSERT_TRUE(parseGguf(span(valid), "f"));
  EXPECT_TRUE(contains(refusal(""), "at byte 0"));
  EXPECT_TRUE(contains(refusal(replaced(valid, "GGUF", "GGML")), "at byte 0"));
  for (uint32_t version : {0u, 1u, 4u, 0xffffffffu})
    EXPECT_TRUE(contains(refusal("GGUF" + number(version) + valid.substr(8)),
                         "version"));
  EXPECT_TRUE(contains(refusal("GGUF" + number(0x03000000u) + valid.substr(8)),
                       "big-endian"));
}

TEST(Gguf, RefusesCountsThatTheFileCannotHold) {
  for (uint64_t count : {uint64_t(1) << 63, UINT64_MAX, uint64_t(1) << 40}) {
    std::string start = "GGUF" + number<uint32_t>(3);
    EXPECT_TRUE(contains(refusal(start + number(count) + number<uint64_t>(0)),
                         "tensor count"));
    EXPECT_TRUE(contains(refusal(start + number<uint64_t>(0) + number(count)),
                         "key count"));
    std::string array = text("k") + number<uint32_t>(9);
    for (uint32_t type : {0u, 5u, 7u, 8u, 10u})
      EXPECT_TRUE(
          contains(refusal(gguf({array + number(type) + number(count)}, {}, 0)),
                   "\"k\""));
    EXPECT_TRUE(contains(
        refusal(gguf({text("k") + number<uint32_t>(8) + number(count)}, {}, 0)),
        "\"k\""));
    EXPECT_TRUE(contains(refusal(gguf({number(count)}, {}, 64)), "key needs"));
  }
}

TEST(Gguf, RefusesDimensionsThatAreNone) {
  auto with = [](std::vector<uint64_t> dims) {
    return refusalOf({"t", dims, 0, 0});
  };
  EXPECT_TRUE(contains(with({}), "\"t\""));
  EXPECT_TRUE(contains(with({1, 1, 1, 1, 1}), "\"t\""));
  EXPECT_TRUE(contains(with({4, 0}), "\"t\""));
  EXPECT_TRUE(contains(with({uint64_t(1) << 63}), "\"t\""));
  EXPECT_TRUE(contains(with({UINT64_MAX, UINT64_MAX}), "\"t\""));
  EXPECT_TRUE(contains(with({uint64_t(1) << 32, uint64_t(1) << 32}), "\"t\""));
  EXPECT_TRUE(contains(with({uint64_t(1) << 62}), "\"t\""));
  EXPECT_TRUE(contains(with({uint64_t(1) << 59}), "does not fit the file"));
  std::string million = text("t") + number<uint32_t>(1'000'000);
  EXPECT_TRUE(
      contains(refusal("GGUF" + number<uint32_t>(3) + number<uint64_t>(1) +
                       number<uint64_t>(0) + million + std::string(100, '\1')),
               "1000000 dimensions"));
}

TEST(Gguf, RefusesUnknownTypesAndBrokenBlocksByTensor) {
  EXPECT_TRUE(contains(refusalOf({"t", {32}, 999, 0}), "\"t\": type 999"));
  EXPECT_TRUE(contains(refusalOf({"t", {33}, 8, 0}),
                       "\"t\": rows of 33 weights are not made of Q8_0"));
}

TEST(Gguf, RefusesAlignmentsThatAreNone) {
  for (uint32_t alignment : {0u, 13u, 1u << 31})
    EXPECT_TRUE(
        contains(refusal(gguf({keyU32("general.alignment", alignment)}, {}, 0)),
                 "general.alignment"));
}

TEST(Gguf, RefusesGapsOverlapAndTensorsOutside) {
  auto with = [](uint64_t offset, size_t dataBytes) {
    TensorText moved = second;
    moved.offset = offset;
    return refusal(gguf({}, {first, moved}, dataBytes));
  };
  EXPECT_TRUE(contains(with(64, 4096), "\"b\" is at offset 64"));
  EXPECT_TRUE(contains(with(128, 4096), "\"b\" is at offset 128"));
  EXPECT_TRUE(contains(with(68, 4096), "\"b\" is at offset 68"));
  EXPECT_TRUE(contains(with(UINT64_MAX - 3, 4096), "\"b\" is at offset"));
  EXPECT_TRUE(contains(with(96, 96 + 11), "does not fit the file"));
  EXPECT_TRUE(contains(with(96, 96), "does not fit the file"));
}

TEST(Gguf, RefusesNamesThatAreNone) {
  EXPECT_TRUE(contains(refusal(gguf({keyU32("k", 1), keyU32("k", 1)}, {}, 0)),
                       "key \"k\" is there twice"));
  EXPECT_TRUE(contains(refusal(gguf({keyU32("", 1)}, {}, 0)), "0 bytes"));
  EXPECT_TRUE(
      contains(refusal(gguf({keyU32(std::string(1 << 20, 'k'), 1)}, {}, 0)),
               "1048576 bytes"));
  TensorText twin = second;
  twin.name = "a";
  EXPECT_TRUE(contains(refusal(gguf({}, {first, twin}, 4096)), "twice"));
  for (std::string name :
       {std::string(), std::string("a\0b", 3), std::string("\xFF"),
        std::string(64, 'n'), std::string(1 << 20, 'n')})
    refusalOf({name, {4}, 0, 0});
}

TEST(Gguf, RefusesValuesOfNoType) {
  EXPECT_TRUE(
      contains(refusal(gguf({text("k") + number<uint32_t>(13) + "x"}, {}, 64)),
               "unknown value type 13 (key \"k\")"));
  EXPECT_TRUE(
      contains(refusal(gguf({text("k") + number<uint32_t>(7) + "\2"}, {}, 64)),
               "boolean"));
  std::string nested = text("k") + number<uint32_t>(9) + number<uint32_t>(9) +
                       number<uint64_t>(1);
  EXPECT_TRUE(contains(refusal(gguf({nested}, {}, 64)), "arrays of arrays"));
}

TEST(Gguf, MetadataIsReadAsTheTypeItHas) {
  GgufMetadata metadata;
  metadata.setFile("m.gguf");
  metadata.setI32s("ints", {1, -2});
  metadata.setF32("float", 0.5f);
  metadata.setI32("negative", -1);
  metadata.setU64("huge", UINT64_MAX);
  metadata.setBool("flag", true);
  EXPECT_EQ(metadata.getInts("ints").value(), (std::vector<int64_t>{1, -2}));
  EXPECT_EQ(metadata.getStrings("ints").error().message,
            "m.gguf: key \"ints\": expected an array of strings, found an "
            "array of i32");
  EXPECT_FALSE(metadata.getFloats("ints"));
  EXPECT_FALSE(metadata.getInt("ints"));
  EXPECT_FALSE(metadata.getInt("float"));
  EXPECT_FALSE(metadata.getFloat("negative"));
  EXPECT_FALSE(metadata.getUnsigned("negative"));
  EXPECT_FALSE(metadata.getInt("huge"));
  EXPECT_FALSE(metadata.getUnsigned("flag"));
  EXPECT_FALSE(metadata.getString("none"));
  EXPECT_EQ(metadata.getString("none", "x").value(), "x");
  metadata.setU32("float", 3);
  EXPECT_EQ(metadata.getUnsigned("float").value(), 3u);
  EXPECT_EQ(metadata.entries()[1].first, "float");
}

namespace {
GgufMetadata everyType() {
  using T = GgufValueType;
  GgufMetadata metadata;
  int i = 0;
  for (T type : {T::U8, T::U16, T::U32, T::U64}) {
    metadata.set(str("u", i), {false, type, uint64_t(200)});
    metadata.set(str("us", i++), {true, type, std::vector<uint64_t>{1, 255}});
  }
  for (T type : {T::I8, T::I16, T::I32, T::I64}) {
    metadata.set(str("i", i), {false, type, int64_t(-100)});
    metadata.set(str("is", i++), {true, type, std::vector<int64_t>{-1, 127}});
  }
  for (T type : {T::F32, T::F64}) {
    metadata.set(str("f", i), {false, type, 0.25});
    metadata.set(str("fs", i++),
                 {true, type, std::vector<double>{-0.5, 1e30f}});
  }
  metadata.setBool("b", true);
  metadata.set("bs", {true, T::Bool, std::vector<bool>{true, false}});
  metadata.setString("s", "é");
  metadata.setStrings("ss", {"", "x"});
  return metadata;
}
} // namespace

TEST(GgufWriter, EveryValueTypeReadsBack) {
  TemporaryDirectory directory;
  std::string path = directory.path("m.gguf");
  GgufMetadata metadata = everyType();
  auto writer = GgufWriter::create(path, metadata, {});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->finish());
  GgufFile back = GgufFile::open(path).value();
  EXPECT_EQ(back.metadata().entries(), metadata.entries());
}

TEST(GgufWriter, WritesGoldenBytes) {
  TemporaryDirectory directory;
  std::string path = directory.path("m.gguf");
  GgufMetadata metadata;
  metadata.setString("general.architecture", "llama");
  metadata.setU32("n", 7);
  auto writer = GgufWriter::create(
      path, metadata,
      {{"a", GgufType::Q8_0, {32, 2}}, {"b", GgufType::F32, {3}}});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE(writer->write("b", span("bbbbbbbbbbbb")));
  ASSERT_TRUE(writer->write("a", span(std::string(68, 'a'))));
  ASSERT_TRUE(writer->finish());

  std::string golden =
      gguf({text("general.architecture") + number<uint32_t>(8) + text("llama"),
            keyU32("n", 7)},
           {first, second}, 0);
  golden += std::string(68, 'a') + std::string(28, '\0') +
            std::string(12, 'b') + std::string(20, '\0');
  EXPECT_EQ(contentOf(path), golden);
  GgufFile back = GgufFile::open(path).value();
  EXPECT_EQ(back.data(*back.find("b")).value()[0], 'b');
  EXPECT_EQ(back.find("c"), nullptr);
}

TEST(GgufWriter, HonoursTheAlignmentKey) {
  TemporaryDirectory directory;
  std::string path = directory.path("m.gguf");
  GgufMetadata metadata;
  metadata.setU32("general.alignment", 128);
  auto writer = GgufWriter::create(
      path, metadata, {{"a", GgufType::F32, {1}}, {"b", GgufType::F32, {1}}});
  ASSERT_TRUE(writer->write("a", span("aaaa")));
  ASSERT_TRUE(writer->write("b", span("bbbb")));
  ASSERT_TRUE(writer->finish());
  GgufFile back = GgufFile::open(path).value();
  EXPECT_EQ(back.find("b")->offset, back.find("a")->offset + 128);
  EXPECT_EQ(back.find("a")->offset % 128, 0u);
}

TEST(GgufWriter, RefusesWrongDeclarations) {
  TemporaryDirectory directory;
  std::string path = directory.path("m.gguf");
  auto refused = [&](GgufDeclaration tensor) {
    return !GgufWriter::create(path, {}, {tensor});
  };
  EXPECT_TRUE(refused({std::string(64, 'n'), GgufType::F32, {1}}));
  EXPECT_TRUE(refused({"t", GgufType::Q4_0, {33}}));
  EXPECT_TRUE(refused({"t", GgufType::F32, {}}));
  EXPECT_TRUE(refused({"t", GgufType::F32, {1, 0}}));
  EXPECT_TRUE(refused({"t", GgufType(12345), {32}}));
  GgufMetadata lying;
  lying.set("k", {false, GgufValueType::String, uint64_t(1)});
  EXPECT_FALSE(GgufWriter::create(path, lying, {}));
  EXPECT_EQ(directory.count(), 0u);
}

TEST(Gguf, EveryTruncationIsAnErrorAndMutationsStayInside) {
  TemporaryDirectory directory;
  std::string path = directory.path("m.gguf");
  auto writer = GgufWriter::create(
      path, everyType(),
      {{"a", GgufType::Q8_0, {32, 2}}, {"b", GgufType::F32, {3}}});
  ASSERT_TRUE(writer->write("a", span(std::string(68, 'a'))));
  ASSERT_TRUE(writer->write("b", span("bbbbbbbbbbbb")));
  ASSERT_TRUE(writer->finish());
  std::string valid = contentOf(path);
  size_t needed = valid.size() - 20; // the last padding may be missing
  for (size_t size = 0; size <= needed; ++size)
    onExactCopy(valid.substr(0, size), [&](ByteSpan part) {
      EXPECT_EQ(parseGguf(part, "f").has_value(), size == needed) << size;
    });
  mutate(valid, 8000, [](ByteSpan mutated) {
    auto header = parseGguf(mutated, "f");
    if (!header)
      return;
    for (const GgufTensor &tensor : header->tensors) {
      EXPECT_LE(tensor.offset, mutated.size());
      EXPECT_LE(tensor.bytes, mutated.size() - tensor.offset);
    }
  });
}
