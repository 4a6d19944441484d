//===- WeightStore.h - f32 weights, made when they are needed -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_WEIGHTSTORE_H
#define QOPT_INTERP_WEIGHTSTORE_H

#include "qopt/Interp/Tensor.h"
#include "qopt/Weights/QuantizationContext.h"
#include "qopt/Weights/WeightSource.h"

#include "llvm/ADT/StringMap.h"

#include <limits>
#include <list>

namespace qopt {

/// The weights of a module as f32 matrices. A matrix is decoded when it is
/// first asked for and kept while all that is kept fits the budget; beyond
/// that, the least recently used is dropped. Not thread-safe.
class WeightStore {
public:
  static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max();

  /// `maxMemory` in bytes. The module and the services must outlive the store.
  WeightStore(mlir::ModuleOp module, QuantizationContext &services,
              int64_t maxMemory = unlimited);

  /// Finds the value and checks it against the type, without decoding it.
  Status open(llvm::StringRef symbol);
  /// [rows, columns]; a 1-D weight is one row. Errors (BadInput) name the
  /// symbol and what is wrong with its value or file.
  Result<Tensor> get(llvm::StringRef symbol);
  /// Some rows of a weight, without decoding the others where that is
  /// possible. A token outside of the table is BadInput.
  Result<Tensor> gather(llvm::StringRef symbol, const Indices &tokens);

  /// From now on the weight has these numbers, whatever the module says.
  /// BadInput if the shape is another. Replacements are not counted in the
  /// budget and stay until they are restored.
  Status replace(llvm::StringRef symbol, Tensor matrix);
  /// Undoes `replace`, and forgets what was decoded: the next `get` reads what
  /// the module then says.
  void restore(llvm::StringRef symbol);

  /// Bytes of the decoded matrices held at present.
  int64_t cachedBytes() const { return cached; }

private:
  struct Entry {
    std::optional<WeightSource> source;
    std::optional<Tensor> replacement, decoded;
    std::list<Entry *>::iterator use; // valid if decoded
  };
  Result<Entry *> find(llvm::StringRef symbol);
  void drop(Entry &entry);

  mlir::ModuleOp module;
  QuantizationContext &services;
  int64_t maxMemory, cached = 0;
  llvm::StringMap<Entry> entries;
  std::list<Entry *> uses; // of the decoded, the most recent first
};

} // namespace qopt

#endif // QOPT_INTERP_WEIGHTSTORE_H
