//===- Session.cpp - the C interface of a compiled model ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Session.h"

#include <cstdio>

using namespace qopt::runtime;

static int fail(const std::string &message, char *error, size_t errorSize) {
  if (error && errorSize > 0)
    std::snprintf(error, errorSize, "%s", message.c_str());
  return 1;
}

int qopt::runtime::openSession(QoptRtForward forward, const char *description,
                               const std::string &directory,
                               const char *weights,
                               const QoptRtOptions *options, QoptRt **model,
                               char *error, size_t errorSize) {
  std::string reason;
  Description known;
  if (!Description::parse(description, known, reason))
    return fail(reason, error, errorSize);
  auto result = std::make_unique<QoptRt>();
  if (!result->archive.open(weights ? weights : directory + known.archive,
                            reason))
    return fail(reason, error, errorSize);
  CpuModel::Options wanted;
  if (options) {
    wanted.threads = options->threads;
    wanted.context = options->context;
    if (options->cache < QOPT_RT_CACHE_F16 || options->cache > QOPT_RT_CACHE_I8)
      return fail("there is no type " + std::to_string(options->cache) +
                      " of caches",
                  error, errorSize);
    wanted.cache = CacheType(options->cache);
  }
  result->description = description;
  result->model = CpuModel::open(
      forward, description,
      [&](const std::string &tensor) { return result->archive.find(tensor); },
      wanted, reason);
  if (!result->model)
    return fail(reason, error, errorSize);
  *model = result.release();
  return 0;
}

void qopt_rt_close(QoptRt *model) { delete model; }

int qopt_rt_prefill(QoptRt *model, const int32_t *tokens, int64_t count,
                    char *error, size_t errorSize) {
  if (count < 1)
    return fail("there are no tokens to append", error, errorSize);
  std::string reason;
  std::vector<float> logits(model->model->description().vocabulary);
  if (!model->model->append({tokens, size_t(count)}, logits, reason))
    return fail(reason, error, errorSize);
  model->logits.swap(logits);
  return 0;
}

int qopt_rt_decode(QoptRt *model, int32_t token, char *error,
                   size_t errorSize) {
  return qopt_rt_prefill(model, &token, 1, error, errorSize);
}

int qopt_rt_evaluate(QoptRt *model, const int32_t *tokens, int64_t count,
                     float *logits, char *error, size_t errorSize) {
  if (count < 1)
    return fail("there are no tokens to append", error, errorSize);
  std::string reason;
  const size_t vocabulary = model->model->description().vocabulary;
  std::span<float> all(logits, count * vocabulary);
  if (!model->model->append({tokens, size_t(count)}, all, reason))
    return fail(reason, error, errorSize);
  auto last = all.last(vocabulary);
  model->logits.assign(last.begin(), last.end());
  return 0;
}

const float *qopt_rt_logits(const QoptRt *model) {
  return model->logits.empty() ? nullptr : model->logits.data();
}

int32_t qopt_rt_sample(QoptRt *model, double temperature, double topP) {
  if (model->logits.empty())
    return -1;
  return qopt::sampleToken(model->logits, temperature, topP, model->random);
}

void qopt_rt_seed(QoptRt *model, uint64_t seed) {
  model->random = qopt::Random(seed);
}

int64_t qopt_rt_length(const QoptRt *model) { return model->model->length(); }

int qopt_rt_rewind(QoptRt *model, int64_t length, char *error,
                   size_t errorSize) {
  if (length < 0 || length > model->model->length())
    return fail("the sequence has " + std::to_string(model->model->length()) +
                    " tokens, not " + std::to_string(length) + " or more",
                error, errorSize);
  model->model->rewind(length);
  return 0;
}

int64_t qopt_rt_vocabulary(const QoptRt *model) {
  return model->model->description().vocabulary;
}
int64_t qopt_rt_context(const QoptRt *model) { return model->model->context(); }
const char *qopt_rt_description(const QoptRt *model) {
  return model->description.c_str();
}
