//===- Jit.h - kernels compiled into this process ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_JIT_H
#define QOPT_CODEGEN_CPU_JIT_H

#include "qopt/Codegen/CPU/ObjectCache.h"

#include "mlir/IR/BuiltinOps.h"
#include <memory>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace qopt::cpu {

/// Owns the machine code of a module of kernels.
class Jit {
public:
  /// Compiles the kernels of a module that `lower-to-llvm-cpu` made. Kernels
  /// for a CPU feature that this machine lacks are an error.
  /// `symbols` are functions of this process that the code calls. With a
  /// `cache` the code is taken from there, or kept there for the next time.
  using Symbols = llvm::ArrayRef<std::pair<llvm::StringRef, void *>>;
  static Result<Jit> compile(mlir::ModuleOp module, Symbols symbols = {},
                             const ObjectCache *cache = nullptr);
  Jit(Jit &&);
  Jit &operator=(Jit &&);
  ~Jit();

  /// The kernel of that name, valid as long as this object:
  /// `jit.lookup<void(const float *, …)>("qopt_linear_int4_g128_n16_k64")`.
  template <typename Signature>
  Result<Signature *> lookup(llvm::StringRef name) const {
    QOPT_ASSIGN(void *address, lookupAddress(name));
    return reinterpret_cast<Signature *>(address);
  }

private:
  explicit Jit(std::unique_ptr<llvm::orc::LLJIT> engine);
  Result<void *> lookupAddress(llvm::StringRef name) const;

  std::unique_ptr<llvm::orc::LLJIT> engine;
};

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_JIT_H
