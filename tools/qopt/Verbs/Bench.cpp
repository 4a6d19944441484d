//===- Bench.cpp - qopt bench ---------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Bench/Report.h"
#include "Bench/Session.h"
#include "Bench/Subject.h"
#include "Bench/Synthetic.h"
#include "Verbs.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

using namespace qopt;

/// Peak resident memory of this process in bytes, from /proc: what getrusage
/// says may be that of the program which started this one.
static double peakMemory() {
  constexpr std::string_view key = "VmHWM:";
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key))
      return std::strtod(line.c_str() + key.size(), nullptr) * 1024;
  return 0;
}

Status qopt::runBench(std::span<char *> words) {
  BenchOptions options;
  QOPT_ASSIGN(bool proceed, options.parse(words));
  if (!proceed)
    return {};

  StderrProgress progress;
  catchInterrupts();
  ThreadPool pool(unsigned(options.machine.threads));
  std::string path = options.model;
  std::string temporary;
  if (!options.synthetic.empty()) {
    path = options.save;
    if (path.empty())
      path = temporary = (std::filesystem::temp_directory_path() /
                          str("qopt-bench-", getpid(), ".gguf"))
                             .string();
    QOPT_CHECK(writeSynthetic(options.synthetic, options.type, path,
                              options.overwrite, pool, progress));
  }
  BenchReport report;
  report.model = options.synthetic.empty()
                     ? path
                     : "synthetic " + options.synthetic + " " + options.type;
  report.threads = pool.threads();
  auto subject = BenchSubject::open(path, options, progress);
  // An open file needs no name.
  if (!temporary.empty())
    std::filesystem::remove(temporary);
  if (!subject)
    return tl::unexpected(subject.error());
  for (ByteSpan each : subject->weights)
    report.weightBytes += double(each.size());
  if (subject->jit) {
    report.compileSeconds = subject->jit->compileSeconds;
    report.loadSeconds = subject->jit->loadSeconds;
  }
  QOPT_ASSIGN(report.work, Work::read(subject->description));
  QOPT_CHECK(options.fitContext(subject->language->contextLength()));
  Status measured = BenchSession(options, *subject, report, pool).run();
  report.peakMemory = peakMemory();
  if (measured && options.json)
    report.printJson();
  else if (!options.json && !report.speeds.empty())
    report.printText();
  return measured;
}
