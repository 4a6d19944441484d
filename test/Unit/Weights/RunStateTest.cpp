#include "qopt/Weights/RunState.h"
#include "IO/TestFiles.h"

using namespace qopt;
using namespace qopt::test;
namespace fs = std::filesystem;

using Mode = RunState::Mode;
static const RunState::Fingerprint ours = {{"model", "a"}, {"recipe", "b"}};

static RunStep someStep() {
  return {{{"w.codes", {1, 2, 3}}, {"w.scales", {4}}}, {{"loss", "0.5"}}};
}

/// A run that was stopped behind one step.
static void leaveOneStep(const std::string &path) {
  auto state = RunState::open(path, ours, Mode::Start).value();
  EXPECT_FALSE(state->find("block-0").value());
  ASSERT_TRUE(state->commit("block-0", someStep()));
}

TEST(RunState, GivesBackWhatWasFinished) {
  TemporaryDirectory scratch;
  std::string path = scratch.path(".q.run");
  leaveOneStep(path);
  auto state = RunState::open(path, ours, Mode::Resume).value();
  EXPECT_EQ(state->finished(), 1);
  std::optional<RunStep> step = state->find("block-0").value();
  ASSERT_TRUE(step);
  EXPECT_EQ(step->tensors, someStep().tensors);
  EXPECT_EQ(step->notes, someStep().notes);
  EXPECT_FALSE(state->find("block-1").value());
  EXPECT_EQ(state->resumed(), 1);
  state->remove();
  EXPECT_EQ(scratch.count(), 0u);
}

TEST(RunState, AnUnfinishedRunIsNotThrownAwayUnasked) {
  TemporaryDirectory scratch;
  std::string path = scratch.path(".q.run");
  leaveOneStep(path);
  EXPECT_EQ(RunState::open(path, ours, Mode::Start).error().kind,
            ErrorKind::Usage);
  auto state = RunState::open(path, ours, Mode::Discard).value();
  EXPECT_EQ(state->finished(), 0);
  EXPECT_FALSE(state->find("block-0").value());
}

TEST(RunState, AnotherRunIsRefusedByName) {
  TemporaryDirectory scratch;
  std::string path = scratch.path(".q.run");
  leaveOneStep(path);
  auto other =
      RunState::open(path, {{"model", "a"}, {"recipe", "c"}}, Mode::Resume);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::BadInput);
  EXPECT_NE(other.error().message.find("another recipe"), std::string::npos);
  EXPECT_EQ(RunState::open(path, ours, Mode::Resume).value()->finished(), 1);
}

TEST(RunState, NothingFinishedLeavesNothing) {
  TemporaryDirectory scratch;
  {
    auto state = RunState::open(scratch.path(".q.run"), ours, Mode::Resume);
  }
  EXPECT_EQ(scratch.count(), 0u);
}

TEST(RunState, TwoProcessesDoNotShareOne) {
  TemporaryDirectory scratch;
  auto first = RunState::open(scratch.path(".q.run"), ours, Mode::Start);
  ASSERT_TRUE(first);
  EXPECT_EQ(
      RunState::open(scratch.path(".q.run"), ours, Mode::Resume).error().kind,
      ErrorKind::IO);
}

TEST(RunState, DamageAtAnyByteIsFound) {
  TemporaryDirectory scratch;
  std::string path = scratch.path(".q.run");
  leaveOneStep(path);
  std::string file = path + "/block-0.safetensors";
  const std::string whole = contentOf(file);
  auto state = RunState::open(path, ours, Mode::Resume).value();
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] ^= 1;
    scratch.write(".q.run/block-0.safetensors", damaged);
    auto step = state->find("block-0");
    // Padding of the header has no meaning.
    if (step) {
      ASSERT_TRUE(*step);
      EXPECT_EQ((*step)->tensors, someStep().tensors);
      EXPECT_EQ((*step)->notes, someStep().notes);
    } else {
      EXPECT_EQ(step.error().kind, ErrorKind::BadInput);
    }
  }
  for (size_t length = 0; length < whole.size(); ++length) {
    scratch.write(".q.run/block-0.safetensors", whole.substr(0, length));
    EXPECT_FALSE(state->find("block-0"));
  }
}
