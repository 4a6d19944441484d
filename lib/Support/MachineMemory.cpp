//===- MachineMemory.cpp - how much memory there is -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Support/MachineMemory.h"

#include <algorithm>
#include <fstream>
#include <unistd.h>

using namespace qopt;

int64_t qopt::machineMemory() {
  int64_t bytes = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  for (const char *path : {"/sys/fs/cgroup/memory.max",
                           "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    // "max", or a number near 2^63, where there is no limit.
    int64_t limit;
    if (std::ifstream(path) >> limit && limit > 0)
      bytes = std::min(bytes, limit);
  }
  return bytes;
}
