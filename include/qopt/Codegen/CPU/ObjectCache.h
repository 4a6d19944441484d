//===- ObjectCache.h - machine code that was made before --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Objects in a directory, each under a hash of all that it was made from: the
// module of kernels in the LLVM dialect, which names the CPU and its features,
// and the version of LLVM. A file ends with a hash of its bytes, so that one
// that is cut short or damaged is made anew.
//
// What lies there is executed. So a directory counts only if it belongs to the
// user and nobody else may write to it.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_OBJECTCACHE_H
#define QOPT_CODEGEN_CPU_OBJECTCACHE_H

#include "qopt/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace qopt::cpu {

class ObjectCache {
public:
  explicit ObjectCache(std::string directory)
      : directory(std::move(directory)) {}

  /// The name of the object of a module of kernels.
  static std::string keyOf(mlir::ModuleOp kernels);
  /// Nothing if there is none that can be trusted.
  std::optional<std::string> find(const std::string &key) const;
  /// Makes the directory where it is missing, and forgets the objects that have
  /// not been used for longest where there are more than 256 MiB.
  Status keep(const std::string &key, std::string_view object) const;

private:
  std::string pathOf(const std::string &key) const;

  std::string directory;
};

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_OBJECTCACHE_H
