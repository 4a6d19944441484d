//===- Targets.h - the GPUs that code is generated for ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_TARGETS_H
#define QOPT_CODEGEN_NVPTX_TARGETS_H

#include "qopt/Support/Error.h"

#include <cstdint>
#include <string_view>

namespace qopt::nvptx {

struct Target {
  std::string_view chip;       // "sm_80"
  std::string_view features;   // the oldest PTX version that has what is used
  int64_t processors;          // of the largest product with this chip
  int64_t sharedBytes;         // that a block can have
  int64_t bytesPerMicrosecond; // that a processor gets from memory
  bool warpgroups;             // wgmma and setmaxnreg
  bool overlap; // griddepcontrol: a kernel may begin before another has ended
};

/// Usage error that lists the chips if this one is unknown. The back end aborts
/// on a chip or PTX version that it does not accept, so nothing else may reach
/// it.
Result<Target> findTarget(std::string_view chip);

} // namespace qopt::nvptx

#endif // QOPT_CODEGEN_NVPTX_TARGETS_H
