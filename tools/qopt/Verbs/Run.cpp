//===- Run.cpp - qopt run -------------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Engine/Engine.h"
#include "Verbs.h"

#include "qopt/IO/Utf8Stream.h"
#include "qopt/Interp/Generate.h"

#include <chrono>
#include <cstdio>

using namespace qopt;

static void printText(const std::string &text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

namespace {
struct RunFlags {
  std::string model, prompt;
  int64_t count = 128;
  SamplerOptions sampling;
  bool printIds = false;
  MachineOptions machine;
  EngineOptions engine;

  /// Usage errors name the flag. False if help was printed instead.
  Result<bool> parse(std::span<char *> words);
};
} // namespace

Result<bool> RunFlags::parse(std::span<char *> words) {
  Arguments arguments("run", "Continues a prompt.");
  arguments.positional(
      "MODEL", "checkpoint directory, .gguf, .mlir, .mlirbc or compiled .so",
      model);
  arguments.required("-p,--prompt", "TEXT", "the text to continue", prompt);
  arguments.option("-n,--count", "N", "tokens to generate at most", count);
  arguments.option("--temp", "T", "temperature, 0: the likeliest token",
                   sampling.temperature);
  arguments.option("--top-p", "P", "sample among the likeliest of this mass",
                   sampling.topP);
  arguments.option("--seed", "S", "of the sampler", sampling.seed);
  arguments.flag("--ids", "print token ids instead of text", printIds);
  engine.declare(arguments, EngineOptions::Auto);
  machine.declare(arguments);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!(sampling.temperature >= 0))
    return usageError("--temp must not be negative");
  if (!(sampling.topP > 0 && sampling.topP <= 1))
    return usageError("--top-p must lie above 0, and be at most 1");
  if (count < 0)
    return usageError("-n must not be negative");
  return proceed;
}

Status qopt::runRun(std::span<char *> words) {
  RunFlags flags;
  QOPT_ASSIGN(bool proceed, flags.parse(words));
  if (!proceed)
    return {};

  StderrProgress progress;
  catchInterrupts();
  QOPT_ASSIGN(OpenedModel model,
              openForUse(flags.model, flags.machine, flags.engine, progress));
  QOPT_ASSIGN(Tokenizer tokenizer, model.tokenizer());
  std::vector<TokenId> tokens =
      tokenizer.encode(flags.prompt, {.prependBos = true});

  using Clock = std::chrono::steady_clock;
  Clock::time_point first, last;
  int64_t generated = 0;
  Utf8Stream stream;
  if (!flags.printIds)
    printText(flags.prompt);
  QOPT_CHECK(generate(
      *model.language, tokens, flags.count, flags.sampling, [&](int32_t token) {
        last = Clock::now();
        if (generated++ == 0)
          first = last;
        if (tokenizer.isStop(token))
          return false;
        printText(flags.printIds
                      ? (generated > 1 ? " " : "") + std::to_string(token)
                      : stream.push(tokenizer.bytesOf(token)));
        return true;
      }));
  printText((flags.printIds ? "" : stream.finish()) + "\n");
  // The first token also pays for reading the weights and the prompt.
  double seconds = std::chrono::duration<double>(last - first).count();
  if (generated > 1 && seconds > 0)
    std::fprintf(stderr, "%lld tokens, %.1f tokens/s after the first\n",
                 (long long)generated, double(generated - 1) / seconds);
  return {};
}
