//===- Targets.cpp - the GPUs that code is generated for -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/NVPTX/Targets.h"

using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t kiB = 1024;
static constexpr Target targets[] = {
    {"sm_80", "+ptx74", 108, 163 * kiB, 18900, false, false},
    {"sm_86", "+ptx74", 84, 99 * kiB, 9100, false, false},
    {"sm_89", "+ptx78", 142, 99 * kiB, 6800, false, false},
    {"sm_90", "+ptx78", 132, 227 * kiB, 32600, false, true},
    {"sm_90a", "+ptx80", 132, 227 * kiB, 32600, true, true},
    {"sm_100", "+ptx86", 148, 227 * kiB, 54000, false, true},
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
