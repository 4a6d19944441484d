/*===- capi.c - every function of qopt-c, from C --------------------------===*\
|*                                                                            *|
|* Part of the qopt project, under the Apache License v2.0 with LLVM          *|
|* Exceptions.                                                                *|
|*                                                                            *|
|* usage: qopt-capi-test MODEL OUTPUT                                         *|
\*===----------------------------------------------------------------------===*/
#include "qopt-c/Model.h"
#include "qopt-c/Module.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(QoptStatus status, char *error) {
  if (status == QOPT_OK)
    return;
  fprintf(stderr, "status %d: %s\n", (int)status, error);
  exit(1);
}

static void print(MlirStringRef text, void *unused) {
  (void)unused;
  fwrite(text.data, 1, text.length, stdout);
}

static void runPasses(void) {
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  qoptRegisterDialects(registry);
  qoptRegisterPasses();
  MlirContext context = mlirContextCreateWithRegistry(registry, true);
  MlirModule module = mlirModuleCreateParse(
      context,
      mlirStringRefCreateFromCString(
          "ml_program.global private @w(dense<0.5> : tensor<2x8xf16>) : "
          "tensor<2x8xf16>\n"
          "func.func @f(%x: tensor<?x8xf32>) -> tensor<?x2xf32> {\n"
          "  %w = ml_program.global_load_const @w : tensor<2x8xf16>\n"
          "  %y = qopt.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf16> -> "
          "tensor<?x2xf32>\n"
          "  return %y : tensor<?x2xf32>\n"
          "}\n"));
  char *error = NULL;
  check(
      qoptModuleRun(module, "rtn-quantize{bits=4 group=4}", NULL, NULL, &error),
      error);
  mlirOperationPrint(mlirModuleGetOperation(module), print, NULL);
  QoptStatus status = qoptModuleRun(module, "rtn-quantise", NULL, NULL, &error);
  printf("unknown pass: %d %s\n", (int)status, error);
  qoptFree(error);
  mlirModuleDestroy(module);
  mlirContextDestroy(context);
  mlirDialectRegistryDestroy(registry);
}

static bool countSteps(const char *phase, int64_t done, int64_t total,
                       void *data) {
  (void)phase, (void)done, (void)total;
  ++*(int *)data;
  return true;
}

static bool stopAtOnce(const char *phase, int64_t done, int64_t total,
                       void *data) {
  (void)phase, (void)done, (void)total, (void)data;
  return false;
}

/* Starts another quantization, which is stopped, inside of this one. */
static bool stopAnother(const char *phase, int64_t done, int64_t total,
                        void *data) {
  (void)phase, (void)done, (void)total;
  const char **paths = data;
  if (paths[0]) {
    QoptQuantizeOptions options;
    qoptQuantizeOptionsInit(&options);
    options.method = "rtn";
    options.progress = stopAtOnce;
    printf("another: %d\n",
           (int)qoptQuantize(paths[0], paths[1], &options, NULL, NULL));
    paths[0] = NULL;
  }
  return true;
}

static bool append(const char *text, size_t bytes, void *data) {
  strncat(data, text, bytes);
  return true;
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  printf("version %s\n", qoptVersion());
  runPasses();

  char *error = NULL;
  int steps = 0;
  QoptQuantizeOptions options;
  qoptQuantizeOptionsInit(&options);
  options.method = "rtn";
  options.group = 64;
  options.progress = stopAtOnce;
  printf("stopped: %d\n",
         (int)qoptQuantize(argv[1], argv[2], &options, NULL, NULL));
  const char *paths[] = {argv[1], argv[2]};
  options.overwrite = true;
  options.progress = stopAnother;
  options.progressData = paths;
  printf("not stopped: %d\n",
         (int)qoptQuantize(argv[1], argv[2], &options, NULL, NULL));
  options.progress = countSteps;
  options.progressData = &steps;
  QoptQuantizeResult quantized;
  check(qoptQuantize(argv[1], argv[2], &options, &quantized, &error), error);
  printf("quantized: %d, smaller: %d\n", steps > 0,
         quantized.bytes < quantized.bytesBefore);
  options.overwrite = false;
  QoptStatus again = qoptQuantize(argv[1], argv[2], &options, NULL, &error);
  printf("again: %d %s\n", (int)again, error);
  qoptFree(error);

  QoptModel *model, *reference;
  QoptOpenOptions interpreter = {0, "interpreter"};
  check(qoptModelOpen(argv[2], &interpreter, &model, &error), error);
  check(qoptModelOpen(argv[1], &interpreter, &reference, &error), error);
  printf("vocabulary: %d\n", (int)qoptModelVocabularySize(model));
  QoptEvaluation result;
  check(qoptModelEvaluate(model,
                          "It was a dark night, and the wind rose over the "
                          "hills as the old man came down to the harbour.",
                          reference, 16, 0, &result, &error),
        error);
  printf("evaluated: %d\n", result.tokens > 5 && result.hasDivergence &&
                                result.klMean > 0 && result.klMean < 0.2 &&
                                fabs(exp(result.nll) - result.perplexity) <
                                    1e-6 * result.perplexity);
  char text[512] = "";
  int64_t generated;
  check(qoptModelGenerate(model, "It was a dark", 5, NULL, append, text,
                          &generated, &error),
        error);
  printf("generated: %d '%s'\n", (int)generated, text);
  qoptModelClose(reference);
  qoptModelClose(model);
  QoptStatus missing = qoptModelOpen("/nowhere", NULL, &model, &error);
  printf("missing: %d %s\n", (int)missing, error);
  qoptFree(error);
  return 0;
}
