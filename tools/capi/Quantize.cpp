//===- Quantize.cpp - qoptQuantize ---------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Support.h"

#include "Quantize/Summary.h"
#include "qopt/Support/Stopwatch.h"

#include <atomic>

using namespace qopt;

namespace {
/// Hands progress to a function.
class CallbackProgress : public Progress {
public:
  explicit CallbackProgress(const QoptQuantizeOptions &options)
      : function(options.progress), data(options.progressData) {}

  void begin(std::string_view name, int64_t steps) override {
    phase = name;
    done = 0;
    total = steps;
    tell();
  }
  void advance(int64_t steps) override {
    done += steps;
    tell();
  }

  /// The callback's answer concerns this call alone.
  bool stopped() const override { return refused || Progress::stopped(); }

private:
  void tell() {
    if (function && !function(phase.c_str(), done, total, data))
      refused = true;
  }

  QoptProgress function;
  void *data;
  std::string phase;
  int64_t done = 0, total = 0;
  std::atomic<bool> refused = false;
};
} // namespace

/// The options as the words of `qopt quantize`, whose checks are the same.
static std::vector<std::string> wordsOf(const char *model, const char *output,
                                        const QoptQuantizeOptions &options) {
  std::vector<std::string> words = {capi::text(model), "-o",
                                    capi::text(output)};
  auto add = [&](const char *flag, const std::string &value) {
    words.push_back(flag);
    words.push_back(value);
  };
  auto addText = [&](const char *flag, const char *value) {
    if (value)
      add(flag, value);
  };
  auto addNumber = [&](const char *flag, int64_t value) {
    if (value != 0)
      add(flag, std::to_string(value));
  };
  addText("--method", options.method);
  addText("--format", options.format);
  addText("--type", options.type);
  addText("--calibration", options.calibration);
  addNumber("--group", options.group);
  addNumber("--samples", options.samples);
  addNumber("--ctx", options.context);
  addNumber("--threads", options.threads);
  if (options.symmetric >= 0)
    words.push_back(options.symmetric ? "--symmetric" : "--asymmetric");
  if (options.overwrite)
    words.push_back("--overwrite");
  for (size_t i = 0; i < options.flagCount; ++i)
    words.push_back(options.flags[i]);
  return words;
}

static Result<QoptQuantizeResult> run(const char *model, const char *output,
                                      const QoptQuantizeOptions &options) {
  if (!model || !output)
    return usageError("a model and an output are needed");
  std::vector<std::string> words = wordsOf(model, output, options);
  std::vector<char *> pointers;
  for (std::string &word : words) {
    if (word == "--help" || word == "-h")
      return usageError("'", word, "' is no option of a library");
    pointers.push_back(word.data());
  }
  QuantizeOptions parsed;
  QOPT_CHECK(parsed.parse(pointers));
  CallbackProgress progress(options);
  Stopwatch watch;
  Result<QuantizeSummary> summary =
      watch.measure([&] { return quantizeModel(parsed, progress); });
  if (!summary)
    return tl::unexpected(summary.error());
  return QoptQuantizeResult{summary->after.bytes, summary->before.bytes,
                            summary->after.quantizedBits(), watch.seconds()};
}

extern "C" {

const char *qoptVersion(void) { return QOPT_VERSION; }

void qoptFree(void *memory) { std::free(memory); }

void qoptQuantizeOptionsInit(QoptQuantizeOptions *options) {
  *options = {};
  options->symmetric = -1;
}

QoptStatus qoptQuantize(const char *model, const char *output,
                        const QoptQuantizeOptions *options,
                        QoptQuantizeResult *result, char **error) {
  QoptQuantizeOptions defaults;
  qoptQuantizeOptionsInit(&defaults);
  auto done = run(model, output, options ? *options : defaults);
  if (done && result)
    *result = *done;
  return capi::report(done, error);
}
}
