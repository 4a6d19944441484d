//===- BlockWalk.h - through a block, linear by linear ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_BLOCKWALK_H
#define QOPT_INTERP_BLOCKWALK_H

#include "qopt/Interp/BlockRunner.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SetVector.h"

namespace qopt {

/// Takes all samples through the block that a runner stands before, from one
/// linear to the next: every op runs once, with the weights of that moment, so
/// that what a linear reads is measured behind all that was quantized before
/// it. Memory: the values that the rest of the block reads, on disk if with
/// them the activations are more than the services allow.
class BlockWalk {
public:
  /// `runner` must outlive the walk, and not move meanwhile.
  explicit BlockWalk(BlockRunner &runner);

  /// Runs up to a linear of the block that is not behind the walk, and calls
  /// `use` with its input in each batch of samples, in order.
  Status advance(LinearOp linear,
                 llvm::function_ref<Status(const Tensor &input)> use);

  /// A tensor that ops behind the walk read, as it is in one batch: above all
  /// the input of the linear that it has come to.
  Tensor held(mlir::Value value, int64_t batch) const;

  /// Runs what is left, and moves the runner behind the block.
  Status finish();

private:
  using Values = std::vector<RuntimeValue>;
  using UseBatch = llvm::function_ref<Status(int64_t batch, int64_t firstRow,
                                             int64_t rows, Values results)>;
  Status runTo(mlir::Block::iterator end, mlir::ValueRange results,
               UseBatch use);
  Status hold(int64_t batch, Values results);

  BlockRunner *runner;
  mlir::Block::iterator place; // the first op that has not run
  llvm::SetVector<mlir::Value> live;
  std::vector<Values> values;           // of `live`, for each batch
  std::vector<int64_t> firstRows;       // of each batch, and one past the last
  bool onDisk = false;                  // whether they go to a file
  llvm::DenseSet<const float *> stored; // numbers that lie in one
};

} // namespace qopt

#endif // QOPT_INTERP_BLOCKWALK_H
