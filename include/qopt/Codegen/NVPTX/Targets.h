//===- Targets.h - the GPUs that code is generated for ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_TARGETS_H
#define QOPT_CODEGEN_NVPTX_TARGETS_H

#include "qopt/Support/Error.h"

#include <string_view>

namespace qopt::nvptx {

struct Target {
  std::string_view chip;     // "sm_80"
  std::string_view features; // the oldest PTX version that knows the chip
};

/// Usage error that lists the chips if this one is unknown. The back end aborts
/// on a chip or PTX version that it does not accept, so nothing else may reach
/// it.
Result<Target> findTarget(std::string_view chip);

} // namespace qopt::nvptx

#endif // QOPT_CODEGEN_NVPTX_TARGETS_H
