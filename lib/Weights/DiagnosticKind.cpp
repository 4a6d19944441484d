//===- DiagnosticKind.cpp - the kind of an error in a diagnostic ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Weights/DiagnosticKind.h"

#include "mlir/IR/Diagnostics.h"

using namespace qopt;

/// Before the number, so that metadata of others is not taken for it.
static constexpr llvm::StringLiteral marker = "qopt.error_kind";

void qopt::setErrorKind(mlir::Diagnostic &diagnostic, ErrorKind kind) {
  diagnostic.getMetadata().emplace_back(marker);
  diagnostic.getMetadata().emplace_back(int64_t(kind));
}

ErrorKind qopt::errorKind(mlir::Diagnostic &diagnostic) {
  using Argument = mlir::DiagnosticArgument;
  bool marked = false;
  for (const Argument &argument : diagnostic.getMetadata()) {
    const Argument::DiagnosticArgumentKind kind = argument.getKind();
    if (marked && kind == Argument::DiagnosticArgumentKind::Integer)
      return ErrorKind(argument.getAsInteger());
    marked = kind == Argument::DiagnosticArgumentKind::String &&
             argument.getAsString() == marker;
  }
  return ErrorKind::BadInput;
}
