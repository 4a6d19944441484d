//===- RunState.cpp - what a long run keeps to go on from -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Weights/RunState.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/Hash.h"
#include "qopt/IO/Json.h"
#include "qopt/Weights/Publication.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using namespace qopt;
namespace fs = std::filesystem;

static constexpr std::string_view kSuffix = ".safetensors";
/// Names of notes that are not the step's own.
static constexpr std::string_view kHash = "qopt.hash";

static bool isStep(const fs::path &path) { return path.extension() == kSuffix; }
/// What a run puts there beside its steps.
static bool isMark(const fs::path &path) {
  return path == "run.json" || path == kPublishing || path == kPublished;
}

/// Of everything that a step consists of.
static std::string hashOf(const RunStep &step) {
  ContentHash hash;
  auto add = [&](const void *data, uint64_t count) {
    hash.update(&count, sizeof count).update(data, count);
  };
  for (const auto &[name, bytes] : step.tensors) {
    add(name.data(), name.size());
    add(bytes.data(), bytes.size());
  }
  for (const auto &[name, text] : step.notes) {
    add(name.data(), name.size());
    add(text.data(), text.size());
  }
  return hash.hex();
}

std::string RunState::fileOf(const std::string &step) const {
  return directory + "/" + step + std::string(kSuffix);
}

RunState::~RunState() {
  if (descriptor < 0)
    return;
  if (finishedSteps == 0) // nothing to go on from
    remove();
  else
    ::close(descriptor);
}

Status RunState::lock() {
  if (::mkdir(directory.c_str(), 0777) != 0 && errno != EEXIST)
    return ioError(directory, ": cannot create: ", std::strerror(errno));
  descriptor = ::open(directory.c_str(),
                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0)
    return ioError(directory, ": cannot open: ", std::strerror(errno));
  struct stat locked, named;
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 ||
      ::fstat(descriptor, &locked) != 0 ||
      ::stat(directory.c_str(), &named) != 0 || locked.st_ino != named.st_ino) {
    ::close(std::exchange(descriptor, -1));
    return ioError(directory, ": another process is working on it");
  }
  return {};
}

void RunState::clear() const {
  std::error_code ignored;
  for (const fs::directory_entry &entry :
       fs::directory_iterator(directory, ignored))
    if (isStep(entry.path()) || isMark(entry.path().filename()))
      fs::remove(entry.path(), ignored);
}

void RunState::remove() {
  clear();
  ::rmdir(directory.c_str());
  if (descriptor >= 0)
    ::close(std::exchange(descriptor, -1));
  finishedSteps = 0;
}

Status RunState::check(const Fingerprint &fingerprint) const {
  QOPT_ASSIGN(JsonDocument document,
              JsonDocument::load(directory + "/run.json"));
  for (const auto &[what, value] : fingerprint) {
    auto known = document.root().getString(what);
    if (!known || *known != value)
      return badInput(directory, ": the unfinished run had another ", what,
                      ", so its ", finishedSteps,
                      " finished blocks do not fit; --overwrite discards them, "
                      "and another -o keeps them");
  }
  return {};
}

Status RunState::begin(const Fingerprint &fingerprint, Mode mode) {
  std::error_code failed;
  for (const fs::directory_entry &entry :
       fs::directory_iterator(directory, failed))
    finishedSteps += isStep(entry.path());
  const bool publishing = fs::exists(directory + "/" + kPublishing, failed);
  if ((finishedSteps > 0 || publishing) && mode == Mode::Resume)
    return check(fingerprint);
  if (finishedSteps > 0 && mode == Mode::Start)
    return usageError(directory, ": holds ", finishedSteps,
                      " finished blocks of a run that was stopped; --resume "
                      "goes on with it, --overwrite starts over");
  clear();
  finishedSteps = 0;
  JsonWriter json(2);
  json.beginObject();
  for (const auto &[what, value] : fingerprint)
    json.member(what, value);
  json.endObject();
  return writeTextFile(directory + "/run.json", json.text() + "\n", true);
}

Result<std::unique_ptr<RunState>> RunState::open(const std::string &directory,
                                                 const Fingerprint &fingerprint,
                                                 Mode mode) {
  std::unique_ptr<RunState> state(new RunState(directory));
  QOPT_CHECK(state->lock());
  Status status = state->begin(fingerprint, mode);
  if (!status) {
    // What is there is not ours to remove.
    ::close(std::exchange(state->descriptor, -1));
    return tl::unexpected(status.error());
  }
  return state;
}

Result<std::optional<RunStep>> RunState::find(const std::string &step) {
  std::string path = fileOf(step);
  std::error_code failed;
  if (!fs::exists(path, failed))
    return std::optional<RunStep>();
  auto damaged = [&](const std::string &why) {
    return badInput(path, ": is damaged (", why,
                    "); --overwrite starts the run over");
  };
  auto file = SafetensorsFile::open(path);
  if (!file)
    return damaged(file.error().message);
  RunStep result;
  std::string expected;
  for (const auto &[key, value] : file->metadata()) {
    if (key == kHash)
      expected = value;
    else
      result.notes.emplace(key, value);
  }
  for (const SafetensorsTensor &tensor : file->tensors()) {
    QOPT_ASSIGN(ByteSpan bytes, file->data(tensor));
    result.tensors.emplace(tensor.name,
                           std::vector<uint8_t>(bytes.begin(), bytes.end()));
  }
  if (hashOf(result) != expected)
    return damaged("its content has another hash");
  ++resumedSteps;
  return std::optional(std::move(result));
}

Status RunState::commit(const std::string &step, const RunStep &results) {
  std::vector<SafetensorsDeclaration> declarations;
  declarations.reserve(results.tensors.size());
  for (const auto &[name, bytes] : results.tensors)
    declarations.push_back({name, DType::U8, {int64_t(bytes.size())}});
  StringPairs metadata(results.notes.begin(), results.notes.end());
  metadata.emplace_back(kHash, hashOf(results));
  QOPT_ASSIGN(SafetensorsWriter writer,
              SafetensorsWriter::create(fileOf(step), declarations, metadata));
  for (const auto &[name, bytes] : results.tensors)
    QOPT_CHECK(writer.write(name, bytes));
  QOPT_CHECK(writer.finish());
  ++finishedSteps;
  return {};
}
