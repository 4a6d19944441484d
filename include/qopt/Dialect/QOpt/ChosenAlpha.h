//===- ChosenAlpha.h - what AWQ has chosen for a weight ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_CHOSENALPHA_H
#define QOPT_DIALECT_QOPT_CHOSENALPHA_H

#include "llvm/ADT/StringRef.h"

namespace qopt {

/// On the global of a weight, a float: the α of the scales mean|x|^α that
/// awq-scale-fold has tried on its columns and found best; 0 if it has none.
inline constexpr llvm::StringLiteral kAlpha = "qopt.alpha";

} // namespace qopt

#endif // QOPT_DIALECT_QOPT_CHOSENALPHA_H
