//===- LiveValues.h - what the rest of a block reads ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_INTERP_LIVEVALUES_H
#define QOPT_LIB_INTERP_LIVEVALUES_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/SetVector.h"

namespace qopt {

/// Values that ops from `from` on read and ops before it compute. Constants are
/// not among them: every program loads its own.
llvm::SetVector<mlir::Value> liveAcross(mlir::Operation *from);

} // namespace qopt

#endif // QOPT_LIB_INTERP_LIVEVALUES_H
