//===- Emit.h - what --emit=KIND writes -------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_EMIT_H
#define QOPT_TOOLS_EMIT_H

#include "qopt/Support/Error.h"

#include <memory>
#include <optional>
#include <string_view>

namespace mlir {
class ModuleOp;
class Pass;
} // namespace mlir

namespace qopt {

/// Something else than IR that a lowered module holds.
struct Product {
  std::string_view kind; // "ptx"
  Result<std::string> (*emit)(mlir::ModuleOp module);
};

/// Usage error that lists the kinds if this one is unknown.
Result<const Product *> findProduct(std::string_view kind);

/// A pass that puts the product of the module into `content`, which must
/// outlive it and be empty at first.
std::unique_ptr<mlir::Pass> createEmitPass(const Product &product,
                                           std::optional<std::string> &content);

/// Makes the name of that pass known, for pipelines in crash reproducers; there
/// it does nothing.
void registerEmitPass();

} // namespace qopt

#endif // QOPT_TOOLS_EMIT_H
