//===- Targets.cpp - the GPUs that code is generated for -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/NVPTX/Targets.h"

using namespace qopt;
using namespace qopt::nvptx;

static constexpr Target targets[] = {
    {"sm_80", "+ptx70"}, {"sm_86", "+ptx71"},  {"sm_89", "+ptx78"},
    {"sm_90", "+ptx78"}, {"sm_90a", "+ptx80"}, {"sm_100", "+ptx86"},
};

Result<Target> qopt::nvptx::findTarget(std::string_view chip) {
  std::string known;
  for (const Target &target : targets) {
    if (target.chip == chip)
      return target;
    known += (known.empty() ? "" : ", ") + std::string(target.chip);
  }
  return usageError("unknown chip '", chip, "'; known are ", known);
}
