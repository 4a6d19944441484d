//===- Nesting.h - modules that are nested too deeply ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_NESTING_H
#define QOPT_TOOLS_NESTING_H

#include "qopt/Support/Error.h"

#include <span>
#include <string_view>

namespace qopt {

/// MLIR's parser and printer call themselves for what is nested, and a file can
/// nest until the stack ends. BadInput naming `file` and the line where a
/// module in text form nests more than 256 deep (brackets outside of strings
/// and comments, aliases of aliases) or has an expression of more than 4096
/// operators. A comment inside of a dialect's attribute or type is refused,
/// because the parser does not see it as one. Bytecode may have 2048 brackets
/// in a row of bytes without NUL.
Status checkNesting(std::string_view text, std::string_view file);

/// The same for the input file on the command line of the pass driver.
Status checkInputNesting(std::span<char *const> arguments);

} // namespace qopt

#endif // QOPT_TOOLS_NESTING_H
