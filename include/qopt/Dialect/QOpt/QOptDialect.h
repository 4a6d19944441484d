//===- QOptDialect.h - the quantization dialect -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_QOPTDIALECT_H
#define QOPT_DIALECT_QOPT_QOPTDIALECT_H

#include "mlir/IR/Dialect.h"

#include "qopt/Dialect/QOpt/QOptDialect.h.inc"

#endif // QOPT_DIALECT_QOPT_QOPTDIALECT_H
