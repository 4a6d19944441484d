// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
// Compiled for x86-64-v4.
#define QOPT_ATTENTION attentionAvx512
#define QOPT_TILE 16
#include "Attention.inc"
