#include "qopt/IO/AtomicDirectory.h"
#include "TestFiles.h"
#include "qopt/IO/AtomicFile.h"

using namespace qopt;
using namespace qopt::test;
namespace fs = std::filesystem;

static Status fill(AtomicDirectory &directory, std::string_view text) {
  return writeTextFile(directory.member("config.json"), text);
}

TEST(AtomicDirectory, AppearsOnlyWhenCommitted) {
  TemporaryDirectory scratch;
  std::string path = scratch.path("model");
  AtomicDirectory directory =
      AtomicDirectory::create(path + "/", false).value();
  ASSERT_TRUE(fill(directory, "new"));
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(directory.commit());
  EXPECT_EQ(contentOf(path + "/config.json"), "new");
  EXPECT_EQ(scratch.count(), 1u);
  EXPECT_FALSE(directory.commit());
}

TEST(AtomicDirectory, AbandonedLeavesNothing) {
  TemporaryDirectory scratch;
  {
    auto directory = AtomicDirectory::create(scratch.path("model"), false);
    ASSERT_TRUE(fill(*directory, "new"));
  }
  EXPECT_EQ(scratch.count(), 0u);
}

TEST(AtomicDirectory, ReplacesAModelAndNothingElse) {
  TemporaryDirectory scratch;
  std::string path = scratch.path("model");
  fs::create_directory(path);
  scratch.write("model/config.json", "old");
  scratch.write("model/stale.safetensors", "old");
  EXPECT_EQ(AtomicDirectory::create(path, false).error().kind,
            ErrorKind::Usage);
  {
    auto directory = AtomicDirectory::create(path, true);
    ASSERT_TRUE(fill(*directory, "new"));
    EXPECT_EQ(contentOf(path + "/config.json"), "old");
    ASSERT_TRUE(directory->commit());
  }
  EXPECT_EQ(contentOf(path + "/config.json"), "new");
  EXPECT_FALSE(fs::exists(path + "/stale.safetensors"));
  EXPECT_EQ(scratch.count(), 1u);

  fs::create_directory(path + "/photographs");
  EXPECT_EQ(AtomicDirectory::create(path, true).error().kind, ErrorKind::Usage);
  fs::create_directory(scratch.path("home"));
  scratch.write("home/letter.txt", "dear");
  EXPECT_EQ(AtomicDirectory::create(scratch.path("home"), true).error().kind,
            ErrorKind::Usage);
  fs::create_directory_symlink(path, scratch.path("link"));
  EXPECT_EQ(AtomicDirectory::create(scratch.path("link"), true).error().kind,
            ErrorKind::Usage);
}

TEST(AtomicDirectory, OneThatAppearedMeanwhileStays) {
  TemporaryDirectory scratch;
  std::string path = scratch.path("model");
  auto directory = AtomicDirectory::create(path, false);
  ASSERT_TRUE(fill(*directory, "mine"));
  fs::create_directory(path);
  scratch.write("model/config.json", "theirs");
  EXPECT_EQ(directory->commit().error().kind, ErrorKind::Usage);
  EXPECT_EQ(contentOf(path + "/config.json"), "theirs");
}

TEST(AtomicDirectory, TakesOverWhatAKilledProcessLeftButNotALiveOnes) {
  TemporaryDirectory scratch;
  fs::create_directory(scratch.path(".model.partial"));
  scratch.write(".model.partial/model.safetensors", "half");
  auto first = AtomicDirectory::create(scratch.path("model"), false);
  ASSERT_TRUE(first);
  EXPECT_FALSE(fs::exists(first->member("model.safetensors")));
  auto second = AtomicDirectory::create(scratch.path("model"), false);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::IO);
  ASSERT_TRUE(fill(*first, "whole"));
  ASSERT_TRUE(first->commit());
}

TEST(AtomicDirectory, NamesThatAreNoneAreUsageErrors) {
  TemporaryDirectory scratch;
  for (const char *name : {"", "/", ".", ".."})
    EXPECT_FALSE(checkOutputDirectory(name, true)) << name;
  EXPECT_EQ(checkOutputDirectory(scratch.path("no/model"), false).error().kind,
            ErrorKind::IO);
}
