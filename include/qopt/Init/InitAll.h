//===- InitAll.h - everything an embedding compiler registers ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INIT_INITALL_H
#define QOPT_INIT_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace qopt {

/// The dialects `qopt` and `llm`, and what turns the kernels of lower-to-nvptx
/// into PTX. Upstream dialects come with the passes that make their ops.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Every pass and pipeline of qopt, by its name. Once per process.
void registerAllPasses();

} // namespace qopt

#endif // QOPT_INIT_INITALL_H
