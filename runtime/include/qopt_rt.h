/*===- qopt_rt.h - run a compiled model from C ---------------------*- C -*-===
 *
 * Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
 *
 *===-----------------------------------------------------------------------===
 *
 * `qopt compile MODEL -o model.so` writes the functions below, together with
 * the code of one model, into model.so, and the weights beside it:
 *
 *     QoptRt *model;
 *     char error[256];
 *     if (qopt_rt_open(NULL, NULL, &model, error, sizeof error))
 *       …
 *     qopt_rt_prefill(model, tokens, count, error, sizeof error);
 *     int32_t token = qopt_rt_sample(model, 0.8, 0.95);
 *     qopt_rt_decode(model, token, error, sizeof error);
 *
 * Link with model.so, or load several of them with dlopen. An opened model
 * holds one sequence of tokens; it must not be used by two threads at once.
 *
 * Functions that can fail return 0, or 1 with one sentence in `error`
 * (NUL-terminated, cut to `errorSize` bytes).
 *
 *===-----------------------------------------------------------------------===*/
#ifndef QOPT_RT_H
#define QOPT_RT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct QoptRt QoptRt;

/* In what keys and values of past tokens are kept. Bytes have a scale for each
 * token, head, and of key and value. */
enum { QOPT_RT_CACHE_F16 = 0, QOPT_RT_CACHE_F32 = 1, QOPT_RT_CACHE_I8 = 2 };

/* All zero, or a null pointer, are the defaults. */
typedef struct QoptRtOptions {
  int32_t threads; /* 0: one per processor of this process */
  int32_t cache;   /* QOPT_RT_CACHE_* */
  int64_t context; /* tokens that the cache holds; 0: as many as the model was
                      made for, but at most 4096 */
} QoptRtOptions;

/* `weights` is the path of the archive; null: the one beside the .so. */
int qopt_rt_open(const char *weights, const QoptRtOptions *options,
                 QoptRt **model, char *error, size_t errorSize);
/* Null is fine. */
void qopt_rt_close(QoptRt *model);

/* Appends tokens to the sequence; then the logits are those that follow the
 * last of them. */
int qopt_rt_prefill(QoptRt *model, const int32_t *tokens, int64_t count,
                    char *error, size_t errorSize);
int qopt_rt_decode(QoptRt *model, int32_t token, char *error, size_t errorSize);
/* The same as prefill, with the logits after every token: [count, vocabulary].
 */
int qopt_rt_evaluate(QoptRt *model, const int32_t *tokens, int64_t count,
                     float *logits, char *error, size_t errorSize);

/* [vocabulary], valid until the next call. Null before the first token. */
const float *qopt_rt_logits(const QoptRt *model);
/* A token for these logits. Temperature 0: the likeliest; `topP` below 1: among
 * the likeliest of this mass. -1 before the first token. */
int32_t qopt_rt_sample(QoptRt *model, double temperature, double topP);
/* Starts the random numbers of `sample` anew; they start with seed 0. */
void qopt_rt_seed(QoptRt *model, uint64_t seed);

/* Tokens in the sequence. */
int64_t qopt_rt_length(const QoptRt *model);
/* Forgets all tokens but the first `length`. */
int qopt_rt_rewind(QoptRt *model, int64_t length, char *error,
                   size_t errorSize);

int64_t qopt_rt_vocabulary(const QoptRt *model);
/* Tokens that the cache holds. */
int64_t qopt_rt_context(const QoptRt *model);
/* What the compiler says about the model, JSON text. */
const char *qopt_rt_description(const QoptRt *model);

#ifdef __cplusplus
}
#endif

#endif /* QOPT_RT_H */
