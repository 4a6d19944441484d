/*===- qopt_cuda.h - run generated kernels on an NVIDIA GPU --------*- C -*-===
 *
 * Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
 *
 *===-----------------------------------------------------------------------===
 *
 * A thin launcher on the CUDA driver API. libcuda.so.1 is opened at run time,
 * so programs start, and say what is missing, on machines without a driver.
 * Functions return 0, or 1 with one sentence in `error` (NUL-terminated, cut to
 * `errorSize` bytes).
 *
 *===-----------------------------------------------------------------------===*/
#ifndef QOPT_CUDA_H
#define QOPT_CUDA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct QoptCudaModule QoptCudaModule;

/* An array in host memory that is a parameter of a kernel. */
typedef struct QoptCudaArray {
  void *data;
  size_t bytes;
  int isOutput; /* downloaded after the launch; otherwise uploaded before it */
} QoptCudaArray;

/* Loads a PTX text onto device 0. */
int qopt_cuda_load(const char *ptx, QoptCudaModule **module, char *error,
                   size_t errorSize);

/* Uploads the arrays, launches `entry` with their device pointers and, last,
 * `count` (M of a linear) as its parameters, waits, and downloads the outputs.
 * The block size is the one that the kernel requires. */
int qopt_cuda_launch(QoptCudaModule *module, const char *entry,
                     const QoptCudaArray *arrays, size_t arrayCount,
                     int32_t count, uint32_t gridX, uint32_t gridY, char *error,
                     size_t errorSize);

void qopt_cuda_unload(QoptCudaModule *module);

#ifdef __cplusplus
}
#endif

#endif /* QOPT_CUDA_H */
