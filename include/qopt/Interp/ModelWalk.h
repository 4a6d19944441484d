//===- ModelWalk.h - through a model, linear by linear ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_MODELWALK_H
#define QOPT_INTERP_MODELWALK_H

#include "qopt/Interp/BlockWalk.h"

namespace qopt {

/// Takes all samples through a model: its blocks, one linear after another, and
/// what follows the last of them.
class ModelWalk {
public:
  explicit ModelWalk(BlockRunner runner) : runner(std::move(runner)) {}
  ModelWalk(const ModelWalk &) = delete; // the walk of a block refers to it

  /// Runs the block that the walk stands in, or the tail, up to a linear, and
  /// calls `use` with its input in each batch of samples, in order.
  Status advance(LinearOp linear,
                 llvm::function_ref<Status(ConstMatrix input)> use);

  /// The input of the linear that the walk of a block has come to.
  Tensor input(LinearOp linear, int64_t batch) const {
    return block->held(linear.getInput(), batch);
  }

  /// Has the next linear of the block come after running it from its beginning.
  void restartBlock() { block.reset(); }

  /// Runs what is left of the block and stands in the next; `options` are for a
  /// block of which nothing has run.
  Status finishBlock(const RunOptions &options = {});

  /// Whether all blocks are done.
  bool inTail() const { return runner.position() >= runner.blockCount(); }

  BlockRunner &blocks() { return runner; }
  int64_t sampleCount() const { return runner.sampleCount(); }

private:
  BlockRunner runner;
  std::optional<BlockWalk> block; // if it has begun
};

} // namespace qopt

#endif // QOPT_INTERP_MODELWALK_H
