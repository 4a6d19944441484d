//===- WeightLoads.h - where a weight is read -------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_WEIGHTS_WEIGHTLOADS_H
#define QOPT_WEIGHTS_WEIGHTLOADS_H

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseSet.h"

namespace qopt {

/// Gives every load of a global of the module the type that the global has.
void retypeLoads(mlir::ModuleOp module, mlir::ml_program::GlobalOp global);

/// The names of all symbols that ops of the module refer to. Unlike
/// SymbolTable::getSymbolUses(), both of these do not give up at an op of a
/// dialect that is not loaded.
llvm::DenseSet<mlir::StringAttr> referencedSymbols(mlir::ModuleOp module);

} // namespace qopt

#endif // QOPT_WEIGHTS_WEIGHTLOADS_H
