//===- KernelsAvx2.cpp - inner loops for x86-64-v3 -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
// Compiled with -march=x86-64-v3. 12 of the 16 registers hold sums.
#define QOPT_KERNELS kernelsAvx2
#define QOPT_VECTOR_BYTES 32
#define QOPT_TILE_ROWS 4
#define QOPT_TILE_VECTORS 3
#include "Kernels.inc"
