//===- Softmax.h - softmax of one row ---------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_SOFTMAX_H
#define QOPT_LIB_NUMERICS_SOFTMAX_H

#include "KernelTable.h"

namespace qopt {

void softmaxRow(const KernelTable &kernels, float *x, int64_t count);

} // namespace qopt

#endif // QOPT_LIB_NUMERICS_SOFTMAX_H
