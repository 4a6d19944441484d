/*===- qopt_rt_abi.h - between compiled code and the runtime -------*- C -*-===
 *
 * Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
 *
 *===-----------------------------------------------------------------------===
 *
 * A compiled model is one function and a description:
 *
 *     void qopt_model_forward(const QoptRtCall *call, int64_t thread);
 *     const char qopt_model_description[];   // JSON, see CompiledModel.h
 *
 * Every thread of the team executes the function. It calls kernels of its own,
 * each thread on a share of the work, and the steps below, which all threads
 * call alike. Activations are f32 [rows, columns], dense, in an arena whose
 * places the compiler has planned in columns: what is planned at column c
 * starts at arena + c * rows.
 *
 * Whatever changes here changes QOPT_RT_ABI.
 *
 *===-----------------------------------------------------------------------===*/
#ifndef QOPT_RT_ABI_H
#define QOPT_RT_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { QOPT_RT_ABI = 3 };

/* One run of the model over `rows` tokens. The order of the fields up to
 * `threads` is known to compiled code; all are 8 bytes. */
typedef struct QoptRtCall {
  const void *const *weights; /* in the order of the description */
  float *arena;
  float *logits;      /* [outputRows, vocabulary] */
  int64_t rows;       /* tokens of this call, at least 1 */
  int64_t outputRows; /* of them, how many at the end need logits */
  int64_t threads;
  struct QoptRtState *state; /* the runtime's own */
} QoptRtCall;

typedef void (*QoptRtForward)(const QoptRtCall *call, int64_t thread);

/* A linear: outputs of blocks of rows [firstBlock, endBlock) of its weight, for
 * x [rows, K], into y [rows, N]. `components` are consecutive weights. */
typedef void (*QoptRtKernel)(const void *const *components, const float *x,
                             float *y, int64_t rows, int64_t firstBlock,
                             int64_t endBlock);

/* Returns when all threads have come here. */
void qopt_rt_barrier(const QoptRtCall *call, int64_t thread);
/* The same. A thread that waits brings the weight of the next linear into its
 * cache, from where it will start: `codes` has `blocks` blocks of `blockBytes`. */
void qopt_rt_barrier_fetching(const QoptRtCall *call, int64_t thread,
                              const void *codes, int64_t blocks,
                              int64_t blockBytes);
/* Adds the time since the last mark to a step (of builds for profiling). */
void qopt_rt_mark(const QoptRtCall *call, int64_t thread, int64_t step);

/* y[t] = scale * table[tokens[t]]; `type` is the number of a GGUF type, and
 * rows of the table are stored one after the other. */
void qopt_rt_embedding(const QoptRtCall *call, int64_t thread,
                       const void *table, int64_t type, int64_t columns,
                       float scale, float *y);
/* Decodes rows [firstRow, firstRow + rows) of a matrix of GGUF blocks. */
void qopt_rt_decode_rows(const void *blocks, int64_t type, int64_t columns,
                         int64_t firstRow, int64_t rows, float *target);
/* Shares the blocks of a linear among the threads, as they become free.
 * `counter`: the number of this linear in the program. */
void qopt_rt_linear(const QoptRtCall *call, int64_t thread, QoptRtKernel kernel,
                    const void *const *components, const float *x, float *y,
                    int64_t rows, int64_t blocks, int64_t counter);
/* The same where a single row can be taken in two steps. `prepare` fills
 * `prepared`, memory of this thread, from x; null if an earlier linear of this
 * x has done so. `row` takes it in place of x. */
typedef void (*QoptRtPrepare)(const float *x, void *prepared);
void qopt_rt_linear_prepared(const QoptRtCall *call, int64_t thread,
                             QoptRtKernel kernel, const void *const *components,
                             const float *x, float *y, int64_t rows,
                             int64_t blocks, int64_t counter,
                             QoptRtPrepare prepare, QoptRtKernel row,
                             void *prepared);
/* For a single row: calls `piece` with `arguments` for blocks of outputs. Every
 * thread starts with some of its own, and then takes what is left. */
typedef void (*QoptRtPiece)(const void *const *arguments, int64_t firstBlock,
                            int64_t endBlock);
void qopt_rt_linear_row(const QoptRtCall *call, int64_t thread,
                        QoptRtPiece piece, const void *const *arguments,
                        int64_t blocks, int64_t counter);
/* Turns each head of x [rows, columns] as rope number `rope` of the description
 * says; y may be x. */
void qopt_rt_rope(const QoptRtCall *call, int64_t thread, int64_t rope,
                  const float *x, float *y, int64_t columns, int64_t headDim);
/* Appends keys and values to cache number `cache` of the description, and
 * attends. */
void qopt_rt_attention(const QoptRtCall *call, int64_t thread, int64_t cache,
                       const float *query, const float *key, const float *value,
                       float *y, int64_t heads, float scale, float softcap);

/* Weights [rows, experts] of a router's logits: in each row the softmax, of
 * which `topK` stay; then divided by their sum if `normalize` is not 0. */
void qopt_rt_route(const QoptRtCall *call, int64_t thread, const float *logits,
                   float *weights, int64_t rows, int64_t experts, int64_t topK,
                   int64_t normalize);
/* Copies the rows of x [rows, columns] whose weight for `expert` is not 0 to y,
 * and returns how many these are. */
int64_t qopt_rt_dispatch(const QoptRtCall *call, int64_t thread, const float *x,
                         const float *weights, float *y, int64_t rows,
                         int64_t columns, int64_t experts, int64_t expert);
/* y [rows, columns] = the sum over experts of weight times the row that the
 * expert made of it; outputs[e] has the rows that dispatch gave to e. */
void qopt_rt_combine(const QoptRtCall *call, int64_t thread,
                     const float *weights, const float *const *outputs,
                     float *y, int64_t rows, int64_t columns, int64_t experts);

#ifdef __cplusplus
}
#endif

#endif /* QOPT_RT_ABI_H */
