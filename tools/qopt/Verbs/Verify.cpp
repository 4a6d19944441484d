//===- Verify.cpp - qopt verify -------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Opening a file checks its structure: bounds, names, types, shapes. Here every
// number is decoded as well. All findings are listed, not only the first.
//
//===----------------------------------------------------------------------===//
#include "Model.h"
#include "Verbs.h"

#include "qopt/IO/Gguf.h"
#include "qopt/IO/ImportanceMatrix.h"
#include "qopt/IO/Json.h"
#include "qopt/Numerics/CheckValues.h"
#include "qopt/Weights/WeightSource.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

using namespace qopt;

namespace {

/// One tensor, and how to read it.
struct Subject {
  std::string name;
  int64_t rows, columns, bytes;
  RowsReader read;
};

struct Finding {
  std::string tensor, what;
};

/// Everything that is known about a file after it was opened.
struct Report {
  std::vector<Finding> errors, remarks;
  int64_t tensors = 0, bytes = 0;
};

class Verifier {
public:
  Verifier(ThreadPool &pool, Progress &progress)
      : pool(pool), progress(progress) {}

  Status check(const std::vector<Subject> &subjects);
  Report report;

private:
  ThreadPool &pool;
  Progress &progress;
};

} // namespace

Status Verifier::check(const std::vector<Subject> &subjects) {
  progress.begin("checking tensors", subjects.size());
  for (const Subject &subject : subjects) {
    if (progress.stopped())
      return makeError(ErrorKind::Interrupted, "stopped");
    auto largest =
        largestMagnitude(subject.rows, subject.columns, subject.read, pool);
    if (!largest)
      report.errors.push_back({subject.name, largest.error().message});
    else if (*largest == 0)
      report.remarks.push_back({subject.name, "all numbers are 0"});
    ++report.tensors;
    report.bytes += subject.bytes;
    progress.advance();
  }
  progress.end();
  return {};
}

static std::vector<Subject> subjectsOf(const GgufFile &file) {
  std::vector<Subject> subjects;
  for (const GgufTensor &tensor : file.tensors()) {
    const FormatRow &format = *findFormat(tensor.type);
    auto read = [&](int64_t first, MutableMatrix target) -> Status {
      QOPT_ASSIGN(ByteSpan bytes, file.data(tensor));
      format.decode(bytes.data() + first * format.rowBytes(target.columns),
                    target.data, target.rows * target.columns);
      return {};
    };
    subjects.push_back({tensor.name, tensor.rows(), tensor.rowLength(),
                        int64_t(tensor.bytes), read});
  }
  return subjects;
}

static Status verifyGguf(const std::string &path, const MachineOptions &machine,
                         Progress &progress, Verifier &verifier) {
  QOPT_ASSIGN(GgufFile file, GgufFile::open(path));
  QOPT_CHECK(verifier.check(subjectsOf(file)));
  QOPT_ASSIGN(std::string_view type,
              file.metadata().getString("general.type", "model"));
  if (type == "imatrix") {
    if (auto matrix = ImportanceMatrix::open(path); !matrix)
      verifier.report.errors.push_back({"", matrix.error().message});
  } else if (auto model = openModel(path, machine, progress); !model) {
    verifier.report.errors.push_back({"", model.error().message});
  }
  return {};
}

static Status verifyModule(const std::string &path,
                           const MachineOptions &machine, Progress &progress,
                           Verifier &verifier) {
  QOPT_ASSIGN(Model model, openModel(path, machine, progress));
  std::vector<Subject> subjects;
  for (auto global : model.module->getOps<mlir::ml_program::GlobalOp>()) {
    std::string name = "@" + global.getSymName().str();
    auto opened = WeightSource::open(global, model.services->files());
    if (!opened) {
      verifier.report.errors.push_back({name, opened.error().message});
      continue;
    }
    auto source = std::make_shared<WeightSource>(std::move(*opened));
    int64_t bytes = 0;
    for (const Component &component : weightComponents(source->type()))
      bytes += component.bytes();
    subjects.push_back({name, source->rows(), source->columns(), bytes,
                        [source](int64_t first, MutableMatrix target) {
                          return source->readRows(first, target);
                        }});
  }
  return verifier.check(subjects);
}

static void printText(const std::string &path, const Report &report) {
  // A damaged archive is wrong in the same way for all of its tensors.
  auto print = [](const char *kind, std::span<const Finding> findings) {
    while (!findings.empty()) {
      const Finding &first = findings.front();
      const size_t alike =
          std::ranges::find_if(findings,
                               [&](const Finding &finding) {
                                 return finding.what != first.what;
                               }) -
          findings.begin();
      std::string where = first.tensor;
      if (alike > 1)
        where += str(" and ", alike - 1, " more");
      std::printf("%s: %s%s%s\n", kind, where.c_str(),
                  where.empty() ? "" : ": ", first.what.c_str());
      findings = findings.subspan(alike);
    }
  };
  print("error", report.errors);
  print("remark", report.remarks);
  std::printf("%s: %lld tensors, %.2f MB, %zu errors\n", path.c_str(),
              static_cast<long long>(report.tensors), report.bytes * 1e-6,
              report.errors.size());
}

static void printJson(const Report &report) {
  JsonWriter json;
  json.beginObject()
      .member("tensors", report.tensors)
      .member("bytes", report.bytes);
  auto list = [&](const char *key, const std::vector<Finding> &findings) {
    json.key(key).beginArray();
    for (const Finding &finding : findings)
      json.beginObject()
          .member("tensor", finding.tensor)
          .member("what", finding.what)
          .endObject();
    json.endArray();
  };
  list("errors", report.errors);
  list("remarks", report.remarks);
  json.endObject();
  std::printf("%s\n", json.text().c_str());
}

Status qopt::runVerify(std::span<char *> words) {
  std::string path;
  bool json = false;
  MachineOptions machine;
  Arguments arguments("verify",
                      "Checks the structure and every number of a model.");
  arguments.positional("MODEL",
                       "a checkpoint directory, .gguf, .mlir or .mlirbc", path);
  machine.declare(arguments);
  arguments.flag("--json", "print one JSON object", json);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  if (machine.threads < 0 || machine.threads > 4096)
    return usageError("--threads must lie between 0 and 4096");
  StderrProgress progress;
  catchInterrupts();
  ThreadPool pool(machine.threads);
  Verifier verifier(pool, progress);
  QOPT_CHECK((path.ends_with(".gguf") ? verifyGguf : verifyModule)(
      path, machine, progress, verifier));
  if (json)
    printJson(verifier.report);
  else
    printText(path, verifier.report);
  if (!verifier.report.errors.empty())
    return badInput(path, ": ", verifier.report.errors.size(),
                    " errors; do not use this file");
  return {};
}
