#include "qopt/IO/Hash.h"
#include "TestFiles.h"
#include "qopt/IO/MappedFile.h"

using namespace qopt;
using namespace qopt::test;

// Published test values of XXH64 with seed 0.
TEST(Hash, EqualsTheReferenceValues) {
  EXPECT_EQ(ContentHash().value(), 0xEF46DB3751D8E999u);
  EXPECT_EQ(ContentHash().update("a").value(), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(ContentHash().update("abc").value(), 0x44BC2CF5AD770999u);
  EXPECT_EQ(
      ContentHash().update("Nobody inspects the spammish repetition").value(),
      0xFBCEA83C8A378BF1u);
  EXPECT_EQ(ContentHash().hex(), "ef46db3751d8e999");
}

TEST(Hash, DoesNotDependOnHowTheBytesArrive) {
  std::string text(1000, 'x');
  for (size_t i = 0; i < text.size(); ++i)
    text[i] = i * 7;
  uint64_t whole = ContentHash().update(text).value();
  for (size_t step : {1, 3, 31, 32, 33, 64, 500}) {
    ContentHash hash;
    for (size_t i = 0; i < text.size(); i += step)
      hash.update(std::string_view(text).substr(i, step));
    EXPECT_EQ(hash.value(), whole) << step;
  }
}

TEST(Hash, OfAFileSeesSizeEndsAndHeader) {
  TemporaryDirectory directory;
  auto hashOf = [&](const std::string &content) {
    auto file = MappedFile::open(directory.write("f", content)).value();
    return fileHash(*file).value();
  };
  for (size_t size : {size_t(0), size_t(100), size_t(5) << 20}) {
    std::string content(size, 'x');
    std::string hash = hashOf(content);
    EXPECT_EQ(hash, hashOf(content));
    EXPECT_NE(hash, hashOf(content + "x"));
    if (size == 0)
      continue;
    for (size_t place : {size_t(0), size - 1}) {
      std::string other = content;
      other[place] = 'y';
      EXPECT_NE(hash, hashOf(other)) << size << " " << place;
    }
  }
  // A byte of a safetensors header counts wherever it is; one of the data
  // between the sampled pages does not.
  std::string content =
      littleEndian<uint64_t>(1 << 20) + "{" + std::string(63 << 20, ' ');
  std::string hash = hashOf(content), other = content;
  other[100'000] = 'y';
  EXPECT_NE(hash, hashOf(other));
  other = content;
  other[(32 << 20) - 5000] = 'y';
  EXPECT_EQ(hash, hashOf(other));
}
