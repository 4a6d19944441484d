#include "qopt/IO/Bytes.h"
#include "TestFiles.h"
#include "qopt/IO/MappedFile.h"

#include <unistd.h>

using namespace qopt;
using namespace qopt::test;

TEST(Bytes, ReadsLittleEndianAndStopsAtTheEnd) {
  std::string bytes("\x01\x02\x03\x04\x05\x06", 6);
  ByteReader reader(span(bytes), "f.gguf");
  EXPECT_EQ(reader.read<uint32_t>("a").value(), 0x04030201u);
  auto failed = reader.read<uint32_t>("the count");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::BadInput);
  EXPECT_EQ(failed.error().message,
            "f.gguf: at byte 4: the count needs 4 bytes, the file has 2 left");
  EXPECT_EQ(reader.read<uint16_t>("b").value(), 0x0605);
  EXPECT_FALSE(reader.take(UINT64_MAX, "c"));
  EXPECT_EQ(reader.take(0, "d").value().size(), 0u);
}

TEST(Bytes, TensorSizesThatWrapAreNotSizes) {
  EXPECT_EQ(checkedTensorBytes(std::vector<int64_t>{2, 3}, 4), 24u);
  EXPECT_EQ(checkedTensorBytes(std::vector<int64_t>{}, 4), 4u);
  EXPECT_FALSE(checkedTensorBytes(std::vector<int64_t>{2, 0}, 4));
  EXPECT_FALSE(checkedTensorBytes(std::vector<int64_t>{-1, -1}, 4));
  EXPECT_FALSE(checkedTensorBytes(
      std::vector<int64_t>{int64_t(1) << 32, int64_t(1) << 32, 2}, 1));
  EXPECT_FALSE(checkedTensorBytes(std::vector<int64_t>{int64_t(1) << 62}, 4));
  EXPECT_FALSE(checkedTensorBytes(std::vector<int64_t>{int64_t(1) << 62}, 2));
  EXPECT_FALSE(checkedAlign(UINT64_MAX - 3, 32));
  EXPECT_EQ(checkedAlign(33, 32), 64u);
}

TEST(Bytes, Utf8IsCheckedAsUnicodeDefinesIt) {
  for (std::string_view good :
       {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(isUtf8(good));
  for (std::string_view bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "a\xFF"})
    EXPECT_FALSE(isUtf8(bad)) << quote(bad);
  EXPECT_EQ(quote("a\x1b\xFF"), "\"a\\x1b\\xff\"");
  EXPECT_LT(quote(std::string(1 << 20, 'x')).size(), 100u);
}

TEST(MappedFile, ShrinkingUnderTheMappingIsAnError) {
  TemporaryDirectory directory;
  std::string path = directory.write("f", std::string(10000, 'x'));
  auto file = MappedFile::open(path).value();
  EXPECT_EQ(file->slice(9990, 10).value().size(), 10u);
  EXPECT_FALSE(file->slice(9990, 11));
  EXPECT_FALSE(file->slice(UINT64_MAX, 2));
  ASSERT_EQ(truncate(path.c_str(), 5000), 0);
  auto failed = file->slice(0, 10);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::IO);
}

TEST(MappedFile, OnlyRegularFilesAreMapped) {
  TemporaryDirectory directory;
  EXPECT_EQ(MappedFile::open(directory.path()).error().kind,
            ErrorKind::BadInput);
  EXPECT_EQ(MappedFile::open("/dev/null").error().kind, ErrorKind::BadInput);
  EXPECT_EQ(MappedFile::open(directory.path("none")).error().kind,
            ErrorKind::IO);
  EXPECT_EQ(MappedFile::open(directory.write("e", "")).value()->size(), 0u);
}
