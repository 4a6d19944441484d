//===- KernelsBaseline.cpp - inner loops for any processor ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
// 16-byte vectors: SSE on x86-64-v2 (16 registers), NEON and their like.
#define QOPT_KERNELS kernelsBaseline
#define QOPT_VECTOR_BYTES 16
#define QOPT_TILE_ROWS 4
#define QOPT_TILE_VECTORS 2
#include "Kernels.inc"
