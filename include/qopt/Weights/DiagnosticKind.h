//===- DiagnosticKind.h - the kind of an error in a diagnostic --*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// An MLIR diagnostic is a place and a text. So that a full disk in the middle
// of a pass still ends the tool with the exit code of an I/O error, the kind of
// the error travels in the diagnostic's metadata, which is not printed.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_WEIGHTS_DIAGNOSTICKIND_H
#define QOPT_WEIGHTS_DIAGNOSTICKIND_H

#include "qopt/Support/Error.h"

namespace mlir {
class Diagnostic;
} // namespace mlir

namespace qopt {

void setErrorKind(mlir::Diagnostic &diagnostic, ErrorKind kind);

/// BadInput where none was set: most of what a verifier or a pass refuses is
/// something in the module.
ErrorKind errorKind(mlir::Diagnostic &diagnostic);

} // namespace qopt

#endif // QOPT_WEIGHTS_DIAGNOSTICKIND_H
