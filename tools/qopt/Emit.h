//===- Emit.h - what --emit=KIND writes -------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_EMIT_H
#define QOPT_TOOLS_EMIT_H

#include "qopt/Support/Error.h"

#include <string_view>

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace qopt {

/// Something else than IR that a lowered module holds.
struct Product {
  std::string_view kind; // "ptx"
  Result<std::string> (*emit)(mlir::ModuleOp module);
};

/// Usage error that lists the kinds if this one is unknown.
Result<const Product *> findProduct(std::string_view kind);

/// Runs the passes of the command line as the driver does, but writes the
/// product of the module to -o, atomically, in place of the module.
int runAndEmit(int argc, char **argv, std::string_view toolName,
               const Product &product, mlir::DialectRegistry &registry);

} // namespace qopt

#endif // QOPT_TOOLS_EMIT_H
