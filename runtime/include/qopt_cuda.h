/*===- qopt_cuda.h - run generated kernels on an NVIDIA GPU --------*- C -*-===
 *
 * Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
 *
 *===-----------------------------------------------------------------------===
 *
 * A thin launcher on the CUDA driver API. libcuda.so.1 is opened at run time,
 * so programs start, and say what is missing, on machines without a driver;
 * the variable QOPT_LIBCUDA names another file.
 *
 *     qopt_cuda_open(0, &device, …);
 *     qopt_cuda_load(device, ptx, bytes, &module, …);
 *     qopt_cuda_upload_weight(device, "m.weights.safetensors", "l0.q", &w, …);
 *     QoptCudaCall call = {module, "qopt_linear_int4_g128_n8192_k8192",
 *                          x, w, y, rows};
 *     qopt_cuda_launch(&call, stream, …);
 *
 * A module describes itself: it holds a table of kernels (docs/nvptx.md), from
 * which the launch chooses by the shape and M.
 *
 * Functions return 0, or 1 with one sentence in `error` (NUL-terminated, cut to
 * `errorSize` bytes). They may be called from several threads, except that a
 * device, module or graph must not be in use when it is closed. They work in
 * the primary context of the device, as the CUDA runtime does, and leave the
 * thread's current context as it was.
 *
 * Order: launches and replays only put work into a stream; what one stream
 * writes another sees after synchronize (or an event of the caller's). Uploads
 * are complete when they return: any stream may use the bytes. An upload and a
 * download follow the default stream, and wait for no other; synchronize a
 * stream before its results are downloaded or its inputs are overwritten.
 *
 * Some kernels have a workspace on the device. Launches make and keep one for
 * each stream and for each graph that is recorded, by qopt_cuda_record or by
 * the caller's own capture, so streams and graphs may run at the same time.
 * Only executables that the caller has made from the same captured graph may
 * not: they share its workspace.
 *
 *===-----------------------------------------------------------------------===*/
#ifndef QOPT_CUDA_H
#define QOPT_CUDA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A GPU: the driver, the device's primary context, the modules loaded. */
typedef struct QoptCudaDevice QoptCudaDevice;
/* Loaded kernels; belongs to the device. */
typedef struct QoptCudaModule QoptCudaModule;
/* Recorded launches. */
typedef struct QoptCudaGraph QoptCudaGraph;
/* An address on the device. Kernels want multiples of 16. */
typedef uint64_t QoptCudaPointer;
/* A CUstream or cudaStream_t; null is the (legacy) default stream, and
 * cudaStreamPerThread that of the thread. */
typedef void *QoptCudaStream;

/* Opens GPU number `ordinal`. */
int qopt_cuda_open(int ordinal, QoptCudaDevice **device, char *error,
                   size_t errorSize);
/* Unloads the modules, frees the workspaces and lets the device go. Null is
 * fine. */
void qopt_cuda_close(QoptCudaDevice *device);

/* Loads PTX text (with or without a final NUL) or a cubin. The same bytes are
 * compiled once per device: a second call returns the same module. */
int qopt_cuda_load(QoptCudaDevice *device, const void *image, size_t bytes,
                   QoptCudaModule **module, char *error, size_t errorSize);

/* The module's table of kernels, JSON text that lives as long as the module:
 * which linears there are. */
const char *qopt_cuda_table(const QoptCudaModule *module);

/* The components of a packed weight. `zeros` is 0 for schemes without zero
 * points, `superScales` for those without levels of scales. */
typedef struct QoptCudaWeight {
  QoptCudaPointer packed, scales, zeros, superScales;
} QoptCudaWeight;

/* y = x · Wᵀ: x is [rows, K], y [rows, N]. */
typedef struct QoptCudaCall {
  QoptCudaModule *module;
  /* A linear of the module's table, for which the kernel is chosen by `rows`;
   * or the entry of one of its kernels. */
  const char *name;
  QoptCudaPointer x;
  QoptCudaWeight weight;
  QoptCudaPointer y;
  int32_t rows;
  /* Since compute capability 9.0 a kernel begins to read its weight while the
   * kernel before it in the stream still runs; x and y it touches only after
   * that one has ended. Set this if a kernel that may not have ended writes the
   * weight (one that packs it on the GPU, say), and the launch waits for all
   * that is in the stream. Weights that were uploaded need nothing. */
  int32_t weightPending;
  /* Of a weight in act-order, and 0 for others: its columns in the order in
   * which they are packed, K 32-bit integers on the device; and room for a
   * matrix as large as x. The launch first puts the columns of x in that order
   * into `permuted`. Of linears that share x and order one does it; the others
   * come after it, and their x is what it has left in `permuted`. */
  QoptCudaPointer order, permuted;
} QoptCudaCall;

/* Puts the launch into the stream and returns. Addresses that cannot be right
 * (null, not a multiple of 16, components that the scheme does not have, y
 * inside of x) are refused before. */
int qopt_cuda_launch(const QoptCudaCall *call, QoptCudaStream stream,
                     char *error, size_t errorSize);

/* Records a chain of launches, each after the one before it. The addresses are
 * part of the graph, and so is a workspace if a kernel has one. */
int qopt_cuda_record(QoptCudaDevice *device, const QoptCudaCall *calls,
                     size_t count, QoptCudaGraph **graph, char *error,
                     size_t errorSize);
/* Puts all of its launches into the stream and returns. */
int qopt_cuda_replay(QoptCudaGraph *graph, QoptCudaStream stream, char *error,
                     size_t errorSize);
void qopt_cuda_discard(QoptCudaGraph *graph);

/* Memory and streams, for callers that have no CUDA of their own. */
int qopt_cuda_allocate(QoptCudaDevice *device, size_t bytes,
                       QoptCudaPointer *pointer, char *error, size_t errorSize);
void qopt_cuda_free(QoptCudaDevice *device, QoptCudaPointer pointer);
/* Complete when it returns. */
int qopt_cuda_upload(QoptCudaDevice *device, QoptCudaPointer to,
                     const void *from, size_t bytes, char *error,
                     size_t errorSize);
int qopt_cuda_download(QoptCudaDevice *device, void *to, QoptCudaPointer from,
                       size_t bytes, char *error, size_t errorSize);
/* A stream that does not wait for the default stream, nor that for it. */
int qopt_cuda_stream(QoptCudaDevice *device, QoptCudaStream *stream,
                     char *error, size_t errorSize);
void qopt_cuda_stream_destroy(QoptCudaDevice *device, QoptCudaStream stream);
int qopt_cuda_synchronize(QoptCudaDevice *device, QoptCudaStream stream,
                          char *error, size_t errorSize);

/* Maps the archive (safetensors) at `path` and copies the components
 * <symbol>.packed, .scales and, if there, .zeros and .super_scales to the
 * device, completely. Free with qopt_cuda_free_weight. */
int qopt_cuda_upload_weight(QoptCudaDevice *device, const char *path,
                            const char *symbol, QoptCudaWeight *weight,
                            char *error, size_t errorSize);
void qopt_cuda_free_weight(QoptCudaDevice *device, QoptCudaWeight *weight);

#ifdef __cplusplus
}
#endif

#endif /* QOPT_CUDA_H */
