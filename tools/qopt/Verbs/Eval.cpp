//===- Eval.cpp - qopt eval -----------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Engine/Engine.h"
#include "Verbs.h"

#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/Json.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/Interp/Evaluate.h"

#include <cstdio>

using namespace qopt;

namespace {

struct EvalOptions {
  std::string model, text, against, tokensFile, logitsFile;
  std::optional<int64_t> context;
  int64_t windows = 0;
  size_t protocol = 0;
  bool json = false;
  MachineOptions machine;
  EngineOptions engine;
};

} // namespace

static void print(const EvaluationResult &result, bool json) {
  if (json) {
    JsonWriter out;
    out.beginObject()
        .member("tokens", result.tokens)
        .member("windows", result.windowNll.size())
        .member("nll", result.nll)
        .member("perplexity", result.perplexity);
    if (const auto &divergence = result.divergence)
      out.member("kl_mean", divergence->mean)
          .member("kl_p99", divergence->p99)
          .member("top1", divergence->top1);
    out.endObject();
    std::puts(out.text().c_str());
    return;
  }
  std::printf("tokens      %lld in %zu windows\n", (long long)result.tokens,
              result.windowNll.size());
  std::printf("nll         %.5f\n", result.nll);
  std::printf("perplexity  %.4f\n", result.perplexity);
  if (const auto &divergence = result.divergence) {
    std::printf("kl mean     %.6f\n", divergence->mean);
    std::printf("kl p99      %.6f\n", divergence->p99);
    std::printf("top-1       %.4f\n", divergence->top1);
  }
}

/// Writes the logits of every position of a given sequence of ids.
static Status dumpLogits(const EvalOptions &options, TokenModel &model) {
  if (options.tokensFile.empty())
    return usageError("--dump-logits needs --tokens");
  QOPT_ASSIGN(JsonDocument document, JsonDocument::load(options.tokensFile));
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < document.root().size(); ++i) {
    QOPT_ASSIGN(int64_t token, document.root()[i].asInt());
    if (token < 0 || token >= model.vocabularySize())
      return badInput(options.tokensFile, ": token ", token,
                      " is outside of the ", model.vocabularySize(),
                      " tokens of the model");
    tokens.push_back(int32_t(token));
  }
  if (tokens.empty())
    return badInput(options.tokensFile,
                    ": expected a list of at least one token id");
  QOPT_ASSIGN(Tensor logits, model.windowLogits({&tokens, 1}));
  JsonWriter out;
  out.beginArray();
  for (int64_t row = 0; row < logits.rows(); ++row) {
    out.beginArray();
    for (float value : logits.row(row))
      out.value(double(value));
    out.endArray();
  }
  out.endArray();
  return writeTextFile(options.logitsFile, out.text(), /*overwrite=*/true);
}

static Status evaluateText(const EvalOptions &options, OpenedModel &model,
                           Progress &progress) {
  TokenModel &language = *model.language;
  EvaluationOptions evaluation;
  int64_t longest = language.contextLength();
  evaluation.context = options.context.value_or(
      longest > 0 ? std::min<int64_t>(256, longest) : 256);
  if (longest > 0 && evaluation.context > longest)
    return usageError("--ctx ", evaluation.context,
                      " is more than the context of the model, ", longest);
  if (options.windows < 0)
    return usageError("--windows must not be negative");
  evaluation.maxWindows = options.windows;
  evaluation.protocol = Protocol(options.protocol);

  QOPT_ASSIGN(std::string text, readTextFile(options.text));
  QOPT_ASSIGN(Tokenizer tokenizer, model.tokenizer());
  evaluation.bos = tokenizer.bos();
  std::vector<TokenId> tokens = tokenizer.encode(text, {.prependBos = true});

  std::optional<OpenedModel> reference;
  if (!options.against.empty()) {
    EngineOptions interpreter;
    interpreter.kind = EngineOptions::Interpreter;
    QOPT_ASSIGN(reference, openForUse(options.against, options.machine,
                                      interpreter, progress));
  }
  QOPT_ASSIGN(EvaluationResult result,
              evaluate(language, tokens, evaluation,
                       reference ? reference->language.get() : nullptr,
                       progress));
  print(result, options.json);
  return {};
}

Status qopt::runEval(std::span<char *> words) {
  EvalOptions options;
  Arguments arguments(
      "eval", "Measures the perplexity of a model on a text, and how far its "
              "predictions are from those of another model.");
  arguments.positional(
      "MODEL", "checkpoint directory, .gguf, .mlir, .mlirbc or compiled .so",
      options.model);
  arguments.option("--text", "FILE", "the text", options.text);
  arguments.option("--ctx", "N",
                   "tokens per window (256, or the model's context)",
                   options.context);
  arguments.option("--windows", "N", "evaluate the first N windows, 0: all",
                   options.windows);
  arguments.choice("--protocol", {"paper", "llama.cpp"},
                   "paper: all predictions of consecutive windows; llama.cpp: "
                   "BOS before every window, and only its second half",
                   options.protocol);
  arguments.option("--against", "MODEL",
                   "also measure KL(MODEL || this one) and top-1 agreement",
                   options.against);
  arguments.flag("--json", "print one JSON object", options.json);
  arguments.option("--dump-logits", "OUT.json",
                   "instead, write the logits of --tokens as rows",
                   options.logitsFile);
  arguments.option("--tokens", "IDS.json", "a list of ids for --dump-logits",
                   options.tokensFile);
  options.engine.declare(arguments, EngineOptions::Interpreter);
  options.machine.declare(arguments);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  if (options.text.empty() == options.logitsFile.empty())
    return usageError("give either --text or --dump-logits");

  StderrProgress progress;
  catchInterrupts();
  QOPT_ASSIGN(OpenedModel model, openForUse(options.model, options.machine,
                                            options.engine, progress));
  if (!options.logitsFile.empty())
    return dumpLogits(options, *model.language);
  return evaluateText(options, model, progress);
}
