#include "qopt/IO/AtomicFile.h"
#include "TestFiles.h"
#include "qopt/IO/RegionFile.h"

#include <sys/stat.h>

using namespace qopt;
using namespace qopt::test;

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  TemporaryDirectory directory;
  std::string path = directory.path("out");
  {
    AtomicFile file = AtomicFile::create(path).value();
    ASSERT_TRUE(file.write("hello"));
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE(file.commit());
    EXPECT_EQ(contentOf(path), "hello");
    EXPECT_EQ(directory.count(), 1u);
    EXPECT_FALSE(file.write("more"));
    EXPECT_FALSE(file.commit());
  }
  EXPECT_EQ(contentOf(path), "hello");
}

TEST(AtomicFile, AbandonedLeavesTheOldFileAndNoTemporary) {
  TemporaryDirectory directory;
  std::string path = directory.write("out", "old");
  {
    AtomicFile file = AtomicFile::create(path, true).value();
    ASSERT_TRUE(file.write("new"));
    AtomicFile moved = std::move(file);
    EXPECT_EQ(contentOf(path), "old");
  }
  EXPECT_EQ(contentOf(path), "old");
  EXPECT_EQ(directory.count(), 1u);
}

TEST(AtomicFile, OverwritesOnlyWhenTold) {
  TemporaryDirectory directory;
  std::string path = directory.write("out", "old");
  EXPECT_EQ(AtomicFile::create(path).error().kind, ErrorKind::Usage);
  ASSERT_TRUE(writeTextFile(path, "new", true));
  EXPECT_EQ(contentOf(path), "new");
  // A file that appears after create() looked is not replaced either.
  AtomicFile late = AtomicFile::create(directory.path("late")).value();
  ASSERT_TRUE(late.write("mine"));
  directory.write("late", "theirs");
  EXPECT_EQ(late.commit().error().kind, ErrorKind::Usage);
  EXPECT_EQ(contentOf(directory.path("late")), "theirs");
}

TEST(AtomicFile, ALinkThatLeadsNowhereIsThereAlready) {
  TemporaryDirectory directory;
  std::string path = directory.path("link");
  std::filesystem::create_symlink("nowhere", path);
  EXPECT_EQ(checkOutput(path, false).error().kind, ErrorKind::Usage);
  EXPECT_EQ(AtomicFile::create(path).error().kind, ErrorKind::Usage);
  ASSERT_TRUE(checkOutput(path, true));
  ASSERT_TRUE(writeTextFile(path, "new", true));
  EXPECT_FALSE(std::filesystem::is_symlink(path));
  EXPECT_EQ(contentOf(path), "new");
}

TEST(AtomicFile, StandardOutputIsNoFile) {
  EXPECT_EQ(checkOutput("-", true).error().kind, ErrorKind::Usage);
  EXPECT_EQ(AtomicFile::create("-", true).error().kind, ErrorKind::Usage);
}

TEST(AtomicFile, AMissingDirectoryIsAnIoError) {
  TemporaryDirectory directory;
  EXPECT_EQ(AtomicFile::create(directory.path("no/out")).error().kind,
            ErrorKind::IO);
  EXPECT_EQ(AtomicFile::create(directory.path()).error().kind,
            ErrorKind::Usage);
}

TEST(AtomicFile, AFullDiskIsAnErrorAndLeavesNothing) {
  TemporaryDirectory directory;
  AtomicFile file = AtomicFile::create(directory.path("out")).value();
  EXPECT_EQ(file.resize(uint64_t(1) << 62).error().kind, ErrorKind::IO);
}

TEST(AtomicFile, OutputThatIsAnInputByAnotherNameIsFound) {
  TemporaryDirectory directory;
  std::string input = directory.write("in", "x");
  std::filesystem::create_hard_link(input, directory.path("hard"));
  std::filesystem::create_symlink(input, directory.path("soft"));
  std::vector<std::string> inputs = {directory.write("other", ""), input};
  for (const char *name : {"in", "hard", "soft"})
    EXPECT_EQ(checkOutputIsNoInput(directory.path(name), inputs).error().kind,
              ErrorKind::Usage);
  EXPECT_TRUE(checkOutputIsNoInput(directory.path("new"), inputs));
}

namespace {
Result<RegionFile> twoRegions(const TemporaryDirectory &directory) {
  return RegionFile::create(directory.path("out"), "HEAD",
                            {{"a", 4, 3}, {"b", 8, 2}}, 10, false);
}
} // namespace

TEST(RegionFile, TakesPartsInAnyOrderAndFillsGapsWithZeros) {
  TemporaryDirectory directory;
  RegionFile file = twoRegions(directory).value();
  EXPECT_TRUE(file.writePart("a", 2, span("3")));
  EXPECT_TRUE(file.write("b", span("45")));
  EXPECT_TRUE(file.writePart("a", 0, span("12")));
  ASSERT_TRUE(file.finish());
  EXPECT_EQ(contentOf(directory.path("out")), std::string("HEAD123\0"
                                                          "45",
                                                          10));
}

TEST(RegionFile, EveryByteIsWrittenExactlyOnce) {
  TemporaryDirectory directory;
  {
    RegionFile file = twoRegions(directory).value();
    EXPECT_FALSE(file.write("c", span("x")));
    EXPECT_FALSE(file.write("a", span("12")));
    EXPECT_FALSE(file.writePart("a", 2, span("34")));
    EXPECT_FALSE(file.writePart("a", UINT64_MAX, span("34")));
    EXPECT_TRUE(file.writePart("a", 1, span("2")));
    EXPECT_FALSE(file.writePart("a", 0, span("12")));
    EXPECT_FALSE(file.writePart("a", 1, span("23")));
    EXPECT_TRUE(file.write("b", span("45")));
    auto failed = file.finish();
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message.find("\"a\" is not completely written"),
              std::string::npos);
  }
  EXPECT_EQ(directory.count(), 0u);
}
