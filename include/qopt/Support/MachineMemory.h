//===- MachineMemory.h - how much memory there is ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_MACHINEMEMORY_H
#define QOPT_SUPPORT_MACHINEMEMORY_H

#include <cstdint>

namespace qopt {

/// Bytes of memory that this process may use at most: those of the machine, or
/// of its control group (version 2, or version 1 as containers mount it) if
/// that is allowed less.
int64_t machineMemory();

} // namespace qopt

#endif // QOPT_SUPPORT_MACHINEMEMORY_H
