//===- ActivationType.h - type of x and y on a GPU --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_ACTIVATIONTYPE_H
#define QOPT_CODEGEN_NVPTX_ACTIVATIONTYPE_H

namespace qopt::nvptx {

/// Type of x and y in memory; sums are f32.
enum class ActivationType { F16, BF16 };

} // namespace qopt::nvptx

#endif // QOPT_CODEGEN_NVPTX_ACTIVATIONTYPE_H
