//===- Nesting.h - modules that are nested too deeply to parse -*- C++ -*-
//---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_NESTING_H
#define QOPT_TOOLS_NESTING_H

#include "qopt/Support/Error.h"

#include <string_view>

namespace qopt {

/// MLIR's parser calls itself for every bracket, and a file can nest them until
/// the stack ends. BadInput naming `file` and the line where the brackets of a
/// module in text form, outside of strings and comments, are nested more than
/// 256 deep. Bytecode passes.
Status checkNesting(std::string_view text, std::string_view file);

} // namespace qopt

#endif // QOPT_TOOLS_NESTING_H
