//===- DispatchTable.h - a module's table of kernels ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_DISPATCHTABLE_H
#define QOPT_LIB_CODEGEN_NVPTX_DISPATCHTABLE_H

#include "PermuteKernel.h"
#include "qopt/Codegen/NVPTX/LinearKernels.h"

namespace qopt::nvptx {

/// Collects rows and writes them as the constant `qopt_dispatch`
/// (docs/nvptx.md, "The table of kernels").
class DispatchTable {
public:
  explicit DispatchTable(const Target &target) : target(target) {}

  void add(const LinearSpec &spec, const KernelPlan &plan);
  void add(const PermutePlan &plan);
  void write(mlir::gpu::GPUModuleOp module) const;

private:
  const Target &target;
  std::string rows, permutations; // JSON objects, separated by commas
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_DISPATCHTABLE_H
