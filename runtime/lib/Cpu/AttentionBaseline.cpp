// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
// Compiled for x86-64-v2 or another architecture's baseline.
#define QOPT_ATTENTION attentionBaseline
#define QOPT_TILE 4
#include "Attention.inc"
