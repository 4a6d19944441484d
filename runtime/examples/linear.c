/* Multiplies with a weight that qopt has packed, on a GPU, in C:
 *
 *     qopt model.mlir --gptq-quantize --lower-to-nvptx --emit=ptx \
 *       -o kernels.ptx
 *     cc -I qopt/runtime/include linear.c libqopt-cuda.a libqopt-rt-files.a \
 *       -lstdc++ -ldl -o linear
 *     ./linear kernels.ptx kernels.weights.safetensors l0.attn_q \
 *       qopt_linear_int4_g128_n256_k256 256 3 x.bin y.bin
 *
 * x.bin has 3 rows of f16, and so gets y.bin, of 256 columns each: once from a
 * launch and once from a graph, one after the other. For a weight in act-order
 * there is one more argument, a file of K 32-bit integers: its columns, stably
 * sorted by g_idx.
 */
#include <qopt_cuda.h>

#include <stdio.h>
#include <stdlib.h>

static char error[1024];

static void check(int failed) {
  if (failed) {
    fprintf(stderr, "linear: %s\n", error);
    exit(1);
  }
}

/* The bytes of a file, for the caller to free. */
static char *read_file(const char *name, size_t *bytes) {
  FILE *file = fopen(name, "rb");
  char *data = NULL;
  if (file && fseek(file, 0, SEEK_END) == 0) {
    *bytes = (size_t)ftell(file);
    rewind(file);
    data = malloc(*bytes + 1);
    if (data && fread(data, 1, *bytes, file) != *bytes) {
      free(data);
      data = NULL;
    }
  }
  if (file)
    fclose(file);
  if (!data) {
    fprintf(stderr, "linear: cannot read %s\n", name);
    exit(1);
  }
  return data;
}

int main(int argc, char **argv) {
  if (argc != 9 && argc != 10) {
    fprintf(stderr, "usage: linear KERNELS.ptx WEIGHTS SYMBOL LINEAR COLUMNS "
                    "ROWS X Y [ORDER]\n");
    return 2;
  }
  QoptCudaDevice *device;
  QoptCudaModule *module;
  QoptCudaWeight weight;
  QoptCudaStream stream;
  QoptCudaGraph *graph;
  QoptCudaPointer x, y[2], order = 0, permuted = 0;
  size_t ptx_bytes, x_bytes, order_bytes;
  char *ptx = read_file(argv[1], &ptx_bytes);
  char *host_x = read_file(argv[7], &x_bytes);
  int rows = atoi(argv[6]);
  size_t y_bytes = 2 * (size_t)rows * (size_t)atoi(argv[5]);
  char *host_y = malloc(2 * y_bytes);

  check(qopt_cuda_open(0, &device, error, sizeof error));
  check(qopt_cuda_load(device, ptx, ptx_bytes, &module, error, sizeof error));
  check(qopt_cuda_upload_weight(device, argv[2], argv[3], &weight, error,
                                sizeof error));
  check(qopt_cuda_allocate(device, x_bytes, &x, error, sizeof error));
  check(qopt_cuda_upload(device, x, host_x, x_bytes, error, sizeof error));
  for (int i = 0; i < 2; ++i)
    check(qopt_cuda_allocate(device, y_bytes, &y[i], error, sizeof error));
  if (argc == 10) {
    char *host_order = read_file(argv[9], &order_bytes);
    check(qopt_cuda_allocate(device, order_bytes, &order, error, sizeof error));
    check(qopt_cuda_upload(device, order, host_order, order_bytes, error,
                           sizeof error));
    check(qopt_cuda_allocate(device, x_bytes, &permuted, error, sizeof error));
    free(host_order);
  }
  check(qopt_cuda_stream(device, &stream, error, sizeof error));

  QoptCudaCall call = {.module = module,
                       .name = argv[4],
                       .x = x,
                       .weight = weight,
                       .y = y[0],
                       .rows = rows,
                       .order = order,
                       .permuted = permuted};
  check(qopt_cuda_launch(&call, stream, error, sizeof error));
  call.y = y[1];
  check(qopt_cuda_record(device, &call, 1, &graph, error, sizeof error));
  check(qopt_cuda_replay(graph, stream, error, sizeof error));
  check(qopt_cuda_synchronize(device, stream, error, sizeof error));
  for (int i = 0; i < 2; ++i)
    check(qopt_cuda_download(device, host_y + i * y_bytes, y[i], y_bytes, error,
                             sizeof error));

  FILE *file = fopen(argv[8], "wb");
  int written = file && fwrite(host_y, 1, 2 * y_bytes, file) == 2 * y_bytes;
  if (!file || fclose(file) != 0 || !written) {
    fprintf(stderr, "linear: cannot write %s\n", argv[8]);
    return 1;
  }
  qopt_cuda_discard(graph);
  qopt_cuda_stream_destroy(device, stream);
  qopt_cuda_free(device, x);
  qopt_cuda_free(device, order);
  qopt_cuda_free(device, permuted);
  qopt_cuda_free(device, y[0]);
  qopt_cuda_free(device, y[1]);
  qopt_cuda_free_weight(device, &weight);
  qopt_cuda_close(device);
  free(host_y);
  free(host_x);
  free(ptx);
  return 0;
}
