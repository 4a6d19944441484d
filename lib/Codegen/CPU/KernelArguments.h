//===- KernelArguments.h - what the body of a kernel works on ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_KERNELARGUMENTS_H
#define QOPT_LIB_CODEGEN_CPU_KERNELARGUMENTS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"

namespace qopt::cpu {

struct KernelArguments {
  mlir::Value input;    // x [M, K]
  mlir::Value prepared; // or one row of x in bytes, as Activations stores it
  llvm::SmallVector<mlir::Value> components; // as the layout lists them
  mlir::Value output;                        // y [M, N]
  mlir::Value inputRows;                     // M
  mlir::Value firstBlock, endBlock;          // of 16 rows of W
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_KERNELARGUMENTS_H
