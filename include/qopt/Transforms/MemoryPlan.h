//===- MemoryPlan.h - memory that models need -------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_MEMORYPLAN_H
#define QOPT_TRANSFORMS_MEMORYPLAN_H

#include "qopt/Support/Error.h"
#include "qopt/Transforms/WeightTable.h"

namespace qopt {

/// Bytes that running a model takes.
struct RunMemory {
  int64_t context; // tokens
  int64_t weights;
  int64_t cache; // keys and values of all layers, f16
  /// Activations of a batch of 512 tokens in f32, where most is either logits,
  /// attention scores or the two halves of a gated MLP: what llama.cpp calls
  /// its compute buffer, to about a tenth.
  int64_t buffers;
  int64_t total() const { return weights + cache + buffers; }
};

/// With `context` 0: the smaller of 4096 and what the model has. BadInput
/// naming a key of llm.config that is missing.
Result<RunMemory> runMemory(mlir::ModuleOp module, int64_t weightBytes,
                            int64_t context);

/// Bytes of anonymous memory that encoding the rows of a table takes, beside
/// the mapped files: the largest tensor as it is written, on each thread some
/// rows in f32, and the program itself.
int64_t encodeMemory(const std::vector<WeightRow> &rows, unsigned threads);

} // namespace qopt

#endif // QOPT_TRANSFORMS_MEMORYPLAN_H
