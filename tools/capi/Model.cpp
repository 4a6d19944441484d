//===- Model.cpp - opening, evaluating and running models ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Support.h"

#include "Engine/Engine.h"
#include "qopt/IO/Utf8Stream.h"
#include "qopt/Interp/Evaluate.h"
#include "qopt/Interp/Generate.h"

using namespace qopt;

struct QoptModel {
  Progress silent; // what the model's services report to
  OpenedModel opened;
  std::optional<Tokenizer> tokenizer; // read when it is needed

  Result<Tokenizer *> tokens() {
    if (!tokenizer) {
      QOPT_ASSIGN(tokenizer, opened.tokenizer());
    }
    return &*tokenizer;
  }
};

static Result<EngineOptions::Kind> engineKind(const std::string &name) {
  if (name.empty() || name == "auto")
    return EngineOptions::Auto;
  if (name == "compiled")
    return EngineOptions::Compiled;
  if (name == "interpreter")
    return EngineOptions::Interpreter;
  return usageError("engine is auto, compiled or interpreter, not '", name,
                    "'");
}

static Result<std::unique_ptr<QoptModel>> open(const char *path,
                                               const QoptOpenOptions &options) {
  MachineOptions machine;
  machine.threads = options.threads;
  EngineOptions engine;
  QOPT_ASSIGN(engine.kind, engineKind(capi::text(options.engine)));
  auto model = std::make_unique<QoptModel>();
  QOPT_ASSIGN(model->opened,
              openForUse(capi::text(path), machine, engine, model->silent));
  return model;
}

static Result<QoptEvaluation> evaluateText(QoptModel &model,
                                           const std::string &text,
                                           QoptModel *reference,
                                           int64_t context, int64_t windows) {
  TokenModel &language = *model.opened.language;
  int64_t longest = language.contextLength();
  EvaluationOptions options;
  if (context == 0)
    context = longest > 0 ? std::min<int64_t>(256, longest) : 256;
  if (context < 2 || (longest > 0 && context > longest))
    return usageError("context must lie between 2 and that of the model, ",
                      longest);
  if (windows < 0)
    return usageError("windows must not be negative");
  options.context = context;
  options.maxWindows = windows;
  QOPT_ASSIGN(Tokenizer * tokenizer, model.tokens());
  QOPT_ASSIGN(EvaluationResult result,
              evaluate(language, tokenizer->encode(text, {.prependBos = true}),
                       options,
                       reference ? reference->opened.language.get() : nullptr,
                       model.silent));
  QoptEvaluation evaluation{
      result.tokens, result.nll, result.perplexity, false, 0, 0, 0};
  if (const auto &divergence = result.divergence) {
    evaluation.hasDivergence = true;
    evaluation.klMean = divergence->mean;
    evaluation.klP99 = divergence->p99;
    evaluation.top1 = divergence->top1;
  }
  return evaluation;
}

static Result<int64_t> continuePrompt(QoptModel &model, const char *prompt,
                                      int64_t count,
                                      const QoptSampling *sampling,
                                      QoptOnText onText, void *data) {
  SamplerOptions sampler;
  if (sampling) {
    sampler.temperature = sampling->temperature;
    sampler.topP = sampling->topP == 0 ? 1 : sampling->topP;
    sampler.seed = sampling->seed;
  }
  if (!(sampler.temperature >= 0) || !(sampler.topP > 0 && sampler.topP <= 1) ||
      count < 0)
    return usageError("temperature and count must not be negative, and topP "
                      "lies between 0 and 1");
  QOPT_ASSIGN(Tokenizer * tokenizer, model.tokens());
  std::vector<TokenId> tokens =
      tokenizer->encode(capi::text(prompt), {.prependBos = true});
  model.opened.language->restart();
  int64_t generated = 0;
  Utf8Stream stream;
  auto tell = [&](const std::string &text) {
    return text.empty() || !onText || onText(text.data(), text.size(), data);
  };
  bool proceed = true;
  QOPT_CHECK(generate(*model.opened.language, tokens, count, sampler,
                      [&](int32_t token) {
                        if (tokenizer->isStop(token))
                          return false;
                        ++generated;
                        proceed = tell(stream.push(tokenizer->bytesOf(token)));
                        return proceed;
                      }));
  if (proceed)
    tell(stream.finish());
  return generated;
}

extern "C" {

QoptStatus qoptModelOpen(const char *path, const QoptOpenOptions *options,
                         QoptModel **model, char **error) {
  auto opened = open(path, options ? *options : QoptOpenOptions{});
  if (opened)
    *model = opened->release();
  return capi::report(opened, error);
}

void qoptModelClose(QoptModel *model) { delete model; }

int64_t qoptModelVocabularySize(const QoptModel *model) {
  return model->opened.language->vocabularySize();
}

int64_t qoptModelContextLength(const QoptModel *model) {
  return model->opened.language->contextLength();
}

QoptStatus qoptModelEvaluate(QoptModel *model, const char *text,
                             QoptModel *reference, int64_t context,
                             int64_t windows, QoptEvaluation *result,
                             char **error) {
  auto evaluation =
      evaluateText(*model, capi::text(text), reference, context, windows);
  if (evaluation)
    *result = *evaluation;
  return capi::report(evaluation, error);
}

QoptStatus qoptModelGenerate(QoptModel *model, const char *prompt,
                             int64_t count, const QoptSampling *sampling,
                             QoptOnText onText, void *data, int64_t *generated,
                             char **error) {
  auto tokens = continuePrompt(*model, prompt, count, sampling, onText, data);
  if (tokens && generated)
    *generated = *tokens;
  return capi::report(tokens, error);
}
}
