/*===- qopt-c/Model.h - quantize, evaluate and run models from C -*- C -*-===*\
|*                                                                            *|
|* Part of the qopt project, under the Apache License v2.0 with LLVM          *|
|* Exceptions.                                                                *|
|*                                                                            *|
|* libqopt-c.so. Strings are UTF-8, null means the default. Every function    *|
|* that can fail returns a QoptStatus and, if it failed and `error` is not    *|
|* null, a message that the caller releases with qoptFree. Results are only   *|
|* written on success. Nothing is printed, and no signal handler is installed.*|
|* A model is used by one thread at a time; different models by any.          *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/
#ifndef QOPT_C_MODEL_H
#define QOPT_C_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define QOPT_EXPORT __attribute__((visibility("default")))

/** The exit codes of the tool. */
typedef enum QoptStatus {
  QOPT_OK = 0,
  QOPT_INTERNAL = 1,    /* a bug in qopt */
  QOPT_USAGE = 2,       /* an option that makes no sense */
  QOPT_BAD_INPUT = 3,   /* a file whose content cannot be accepted */
  QOPT_IO = 4,          /* the operating system refused */
  QOPT_INTERRUPTED = 75 /* a callback said so */
} QoptStatus;

/** "0.1.0". Static. */
QOPT_EXPORT const char *qoptVersion(void);
QOPT_EXPORT void qoptFree(void *memory);

/** Called during long work; false stops the call that it was given to, and no
 *  other. `phase` is what is going on. */
typedef bool (*QoptProgress)(const char *phase, int64_t done, int64_t total,
                             void *data);

/*===-- Quantizing --------------------------------------------------------===*/

/** What `qopt quantize` takes; initialise with qoptQuantizeOptionsInit. */
typedef struct QoptQuantizeOptions {
  const char *method;       /* rtn, gptq, awq, awq+gptq; default gptq */
  const char *format;       /* mlir (default), gguf, gptq, … */
  const char *type;         /* int2 … int8, q4_k_m, …; default by format */
  int64_t group;            /* columns per scale, -1: a row; 0: default */
  int symmetric;            /* 1, 0; -1: default */
  const char *calibration;  /* a text file; null: the model writes its own */
  int64_t samples, context; /* 0: default */
  int64_t threads;          /* 0: one per processor */
  bool overwrite;
  /** Further flags of `qopt quantize`, as {"--mse", "--order", "none"}. */
  const char *const *flags;
  size_t flagCount;
  QoptProgress progress; /* may be null */
  void *progressData;
} QoptQuantizeOptions;

typedef struct QoptQuantizeResult {
  int64_t bytes, bytesBefore; /* of all weights */
  double bitsPerWeight;       /* of those that were quantized */
  double seconds;
} QoptQuantizeResult;

QOPT_EXPORT void qoptQuantizeOptionsInit(QoptQuantizeOptions *options);

/** Quantizes the checkpoint directory, .gguf file or module `model` and writes
 *  `output`, completely or not at all. `result` may be null. */
QOPT_EXPORT QoptStatus qoptQuantize(const char *model, const char *output,
                                    const QoptQuantizeOptions *options,
                                    QoptQuantizeResult *result, char **error);

/*===-- Running -----------------------------------------------------------===*/

/** A model that computes logits. */
typedef struct QoptModel QoptModel;

typedef struct QoptOpenOptions {
  int64_t threads;    /* 0: one per processor */
  const char *engine; /* auto (default), compiled or interpreter */
} QoptOpenOptions;

/** Opens a checkpoint directory, .gguf file, module, or compiled model.
 *  `options` may be null. */
QOPT_EXPORT QoptStatus qoptModelOpen(const char *path,
                                     const QoptOpenOptions *options,
                                     QoptModel **model, char **error);
/** Accepts null. */
QOPT_EXPORT void qoptModelClose(QoptModel *model);

QOPT_EXPORT int64_t qoptModelVocabularySize(const QoptModel *model);
/** Tokens that the model was made for, 0 if it does not say. */
QOPT_EXPORT int64_t qoptModelContextLength(const QoptModel *model);

typedef struct QoptEvaluation {
  int64_t tokens; /* predictions that count */
  double nll;     /* their mean, natural logarithm */
  double perplexity;
  bool hasDivergence; /* a reference was given */
  double klMean, klP99, top1;
} QoptEvaluation;

/** Perplexity on a text, and the divergence from `reference` if that is not
 *  null. Windows of `context` tokens (0: min(256, that of the model)), of which
 *  the first `windows` count (0: all). */
QOPT_EXPORT QoptStatus qoptModelEvaluate(QoptModel *model, const char *text,
                                         QoptModel *reference, int64_t context,
                                         int64_t windows,
                                         QoptEvaluation *result, char **error);

typedef struct QoptSampling {
  double temperature; /* 0: the likeliest token */
  double topP;        /* sample among the likeliest of this mass; 0: all */
  uint64_t seed;
} QoptSampling;

/** Whole characters of the continuation as they come; false ends it. */
typedef bool (*QoptOnText)(const char *text, size_t bytes, void *data);

/** Continues a prompt by up to `count` tokens. `sampling` may be null, and
 *  `generated`, which is set to the number of tokens. */
QOPT_EXPORT QoptStatus qoptModelGenerate(QoptModel *model, const char *prompt,
                                         int64_t count,
                                         const QoptSampling *sampling,
                                         QoptOnText onText, void *data,
                                         int64_t *generated, char **error);

#ifdef __cplusplus
}
#endif

#endif /* QOPT_C_MODEL_H */
