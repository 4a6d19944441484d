//===- Bench.cpp - qopt bench ---------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Bench/Measure.h"
#include "Bench/Report.h"
#include "Bench/Synthetic.h"
#include "Engine/Engine.h"
#include "Engine/FileModel.h"
#include "Engine/JitModel.h"
#include "Verbs.h"

#include "qopt/IO/MappedFile.h"
#include "qopt/Numerics/Random.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <unistd.h>

using namespace qopt;
using Clock = std::chrono::steady_clock;

namespace {

struct BenchOptions {
  std::string model, synthetic, type = "q4_k_m", save, cpu = "host";
  std::vector<std::string> prompts;
  int64_t generate = 32, samples = 5;
  CacheOption cache;
  bool exact = false, noRepack = false, json = false, overwrite = false;
  double seconds = 20;
  MachineOptions machine;
};

/// A model under test, compiled in memory or from a file.
struct Subject {
  Model model;
  std::unique_ptr<TokenModel> owned;
  TokenModel *language = nullptr;
  JitModel *jit = nullptr; // null for files
  std::string description;
  std::vector<ByteSpan> weights;
  std::shared_ptr<const MappedFile> archive;
};

} // namespace

static double secondsOf(const std::function<void()> &work) {
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

static Result<Subject> openSubject(const std::string &path,
                                   const BenchOptions &options,
                                   Progress &progress) {
  Subject subject;
  if (isCompiledFile(path)) {
    QoptRtOptions runtime = {};
    runtime.threads = int32_t(options.machine.threads);
    runtime.cache = options.cache.runtimeType(options.exact);
    QOPT_ASSIGN(auto file, FileModel::open(path, runtime));
    subject.description = file->description();
    subject.owned = std::move(file);
    QOPT_ASSIGN(subject.archive,
                MappedFile::open(path.substr(0, path.size() - 3) +
                                 ".weights.safetensors"));
    subject.weights = {subject.archive->bytes()};
  } else {
    QOPT_ASSIGN(subject.model, openModel(path, options.machine, progress));
    JitModel::Options jit;
    jit.cpu = options.cpu;
    jit.exact = options.exact;
    jit.repack = !options.noRepack;
    jit.cache = options.cache.runtimeType(options.exact);
    jit.profile = true;
    jit.threads = options.machine.threads;
    QOPT_ASSIGN(auto compiled,
                JitModel::create(*subject.model.module, *subject.model.services,
                                 jit, progress));
    for (const std::string &each : compiled->decoded())
      progress.note("linears that are decoded to f32, for lack of a kernel: " +
                    each);
    subject.jit = compiled.get();
    subject.description = compiled->description();
    subject.weights = compiled->weightBytes();
    subject.owned = std::move(compiled);
  }
  subject.language = subject.owned.get();
  return subject;
}

static std::vector<int32_t> randomTokens(int64_t count, int64_t vocabulary) {
  Random random(3);
  std::vector<int32_t> tokens(count);
  for (int32_t &token : tokens)
    token = int32_t(random.next() % uint64_t(vocabulary));
  return tokens;
}

namespace {
/// Takes all measurements of one subject.
class Bench {
public:
  Bench(const BenchOptions &options, Subject &subject, Report &report,
        ThreadPool &pool)
      : options(options), subject(subject), report(report), pool(pool),
        sampler(pool) {}

  Status run(std::span<const int64_t> prompts);

private:
  Status append(std::span<const int32_t> tokens) {
    return subject.language->append(tokens).map([](auto &&) {});
  }
  Status stopped() const {
    if (!interrupted())
      return {};
    return makeError(ErrorKind::Interrupted, "stopped; ",
                     report.speeds.empty()
                         ? "nothing was measured"
                         : "what is missing above was not measured");
  }
  /// Seconds of `work`, which may fail.
  double timed(const std::function<Status()> &work) {
    return secondsOf([&] {
      if (Status outcome = work(); !outcome)
        failure = outcome;
    });
  }
  Status measure(const std::string &name, int64_t tokens,
                 const std::function<Status()> &prepare,
                 const std::function<Status()> &work);

  const BenchOptions &options;
  Subject &subject;
  Report &report;
  ThreadPool &pool;
  QuietSampler sampler;
  Status failure;
};
} // namespace

Status Bench::measure(const std::string &name, int64_t tokens,
                      const std::function<Status()> &prepare,
                      const std::function<Status()> &work) {
  Speed speed;
  speed.name = name;
  auto samples = sampler.collect(int(options.samples), options.seconds, [&] {
    subject.language->restart();
    if (Status outcome = prepare(); !outcome)
      failure = outcome;
    return double(tokens) / timed(work);
  });
  QOPT_CHECK(std::move(failure));
  QOPT_CHECK(stopped());
  speed.tokensPerSecond = samples.median();
  speed.kept = samples.quiet ? int(samples.kept.size()) : 0;
  speed.taken = samples.taken;
  speed.quiet = samples.quiet;
  if (subject.jit) {
    subject.language->restart();
    QOPT_CHECK(prepare());
    subject.jit->setProfiling(true);
    Status outcome = work();
    subject.jit->setProfiling(false);
    QOPT_CHECK(std::move(outcome));
    std::vector<double> seconds = subject.jit->running().stepSeconds();
    if (name == "decode")
      for (double &each : seconds)
        each /= double(tokens);
    speed.kernels = report.work.kernelTimes(seconds);
  }
  report.speeds.push_back(std::move(speed));
  report.peakFlops = sampler.peak();
  return {};
}

Status Bench::run(std::span<const int64_t> prompts) {
  const int64_t vocabulary = subject.language->vocabularySize();
  const std::vector<int32_t> tokens = randomTokens(1 << 13, vocabulary);
  auto firstTokens = [&](int64_t count) {
    return std::span(tokens).first(count);
  };
  // Reading the weights once also brings all pages of files into memory.
  readBandwidth(pool, subject.weights);
  auto bandwidth =
      sampler.collect(int(2 * options.samples), options.seconds,
                      [&] { return readBandwidth(pool, subject.weights); });
  QOPT_CHECK(stopped());
  report.bandwidth = bandwidth.median();
  report.peakByteOps = peakByteOps(pool);
  QOPT_CHECK(measure(
      "decode", options.generate, [&] { return append(firstTokens(8)); },
      [&]() -> Status {
        for (int64_t i = 0; i < options.generate; ++i)
          QOPT_CHECK(append(std::span(tokens).subspan(8 + i, 1)));
        return {};
      }));
  auto again = sampler.collect(int(2 * options.samples), options.seconds, [&] {
    return readBandwidth(pool, subject.weights);
  });
  report.bandwidth = std::max(report.bandwidth, again.median());
  for (int64_t count : prompts)
    QOPT_CHECK(measure(
        "prefill " + std::to_string(count), count,
        []() -> Status { return {}; },
        [&] { return append(firstTokens(count)); }));
  subject.language->restart();
  return {};
}

/// "256" and "256,512" are understood.
static Result<std::vector<int64_t>>
parsePrompts(const std::vector<std::string> &words) {
  std::vector<int64_t> result;
  for (const std::string &word : words) {
    size_t begin = 0;
    while (begin <= word.size()) {
      const size_t end = std::min(word.find(',', begin), word.size());
      const std::string part = word.substr(begin, end - begin);
      char *rest = nullptr;
      const long long value = std::strtoll(part.c_str(), &rest, 10);
      if (part.empty() || *rest || value < 1 || value > 8192)
        return usageError("--prompt takes numbers from 1 to 8192, not '", part,
                          "'");
      result.push_back(value);
      begin = end + 1;
    }
  }
  return result;
}

Status qopt::runBench(std::span<char *> words) {
  BenchOptions options;
  Arguments arguments(
      "bench", "Measures how fast a compiled model decodes and reads prompts, "
               "beside what memory and processor can do in the same run. "
               "Samples during which others used the machine do not count.");
  arguments.optionalPositional(
      "MODEL", "checkpoint directory, .gguf, .mlir, .mlirbc or compiled .so",
      options.model);
  arguments.option("--synthetic", "SHAPE",
                   "instead of MODEL: random weights in the shape 42m, 542m "
                   "or 7b",
                   options.synthetic);
  arguments.option("--type", "T",
                   "of random weights: a GGUF type or a mix; default: q4_k_m",
                   options.type);
  arguments.option("--save", "OUT.gguf", "keep the random model here",
                   options.save);
  arguments.option("--prompt", "N[,N]",
                   "tokens of prompts; default: 256,512, or the context",
                   options.prompts);
  arguments.option("-n,--count", "N", "tokens of a sample of decoding",
                   options.generate);
  arguments.option("--samples", "N", "samples to keep", options.samples);
  arguments.option("--seconds", "S", "time for each measurement, at most",
                   options.seconds);
  arguments.flag("--exact", "f32 activations and cache of keys and values",
                 options.exact);
  arguments.flag("--no-repack",
                 "read GGUF blocks where they lie in the file: less memory, "
                 "much slower",
                 options.noRepack);
  options.cache.declare(arguments);
  arguments.option("--cpu", "NAME", "compile for this CPU; default: host",
                   options.cpu);
  arguments.flag("--json", "print one JSON object", options.json);
  options.machine.declare(arguments);
  arguments.flag("--overwrite", "replace the file of --save",
                 options.overwrite);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  if (options.model.empty() == options.synthetic.empty())
    return usageError("give either MODEL or --synthetic (see qopt bench "
                      "--help)");
  if (options.generate < 1 || options.generate > 4096 || options.samples < 1)
    return usageError("-n lies between 1 and 4096, and --samples above 0");
  QOPT_ASSIGN(std::vector<int64_t> prompts, parsePrompts(options.prompts));

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
  Report report;
  report.model = options.synthetic.empty()
                     ? path
                     : "synthetic " + options.synthetic + " " + options.type;
  report.threads = pool.threads();
  auto subject = openSubject(path, options, progress);
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
  const int64_t context = subject->language->contextLength();
  if (prompts.empty())
    for (int64_t usual : {256, 512})
      if (usual <= context)
        prompts.push_back(usual);
  for (int64_t count : prompts)
    if (count > context)
      return usageError("--prompt ", count, " is more than the context, ",
                        context);
  options.generate = std::min(options.generate, context - 8);
  Status measured = Bench(options, *subject, report, pool).run(prompts);
  report.peakMemory = peakMemory();
  if (measured && options.json)
    report.printJson();
  else if (!options.json && !report.speeds.empty())
    report.printText();
  return measured;
}
