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
#include <filesystem>
#include <unistd.h>

using namespace qopt;

/// Peak resident memory of this process in bytes, from /proc.
static double peakMemory() {
  double kilobytes = 0;
  if (std::FILE *file = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof(line), file))
      if (std::sscanf(line, "VmHWM: %lf", &kilobytes) == 1)
        break;
    std::fclose(file);
  }
  return kilobytes * 1024;
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
