/* Continues a sequence of tokens with a compiled model, in C:
 *
 *     qopt compile MODEL -o model.so
 *     cc -I qopt/runtime/include generate.c ./model.so -o generate
 *     ./generate COUNT TOKEN...
 */
#include <qopt_rt.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: generate COUNT TOKEN...\n");
    return 2;
  }
  char error[256];
  QoptRt *model;
  /* The weights are beside model.so; the options are the defaults. */
  if (qopt_rt_open(NULL, NULL, &model, error, sizeof error)) {
    fprintf(stderr, "generate: %s\n", error);
    return 1;
  }

  int64_t count = argc - 2;
  int32_t *prompt = malloc(count * sizeof *prompt);
  for (int64_t i = 0; i < count; ++i)
    prompt[i] = atoi(argv[i + 2]);
  int failed = qopt_rt_prefill(model, prompt, count, error, sizeof error);
  free(prompt);
  for (int left = atoi(argv[1]); left > 0 && !failed; --left) {
    int32_t token = qopt_rt_sample(model, /*temperature=*/0, /*topP=*/1);
    printf("%d%s", token, left > 1 ? " " : "\n");
    /* The logits that follow the last token are not needed. */
    if (left > 1)
      failed = qopt_rt_decode(model, token, error, sizeof error);
  }
  if (failed)
    fprintf(stderr, "generate: %s\n", error);
  qopt_rt_close(model);
  return failed;
}
