//===- KernelsAvx512.cpp - inner loops for x86-64-v4 ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
// Compiled with -march=x86-64-v4. 24 of the 32 registers hold sums.
#define QOPT_KERNELS kernelsAvx512
#define QOPT_VECTOR_BYTES 64
#define QOPT_TILE_ROWS 12
#define QOPT_TILE_VECTORS 2
#include "Kernels.inc"
