// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
// Compiled for x86-64-v3.
#define QOPT_ATTENTION attentionAvx2
#define QOPT_TILE 6
#include "Attention.inc"
