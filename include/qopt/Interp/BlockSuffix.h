//===- BlockSuffix.h - the rest of a block, again and again -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_BLOCKSUFFIX_H
#define QOPT_INTERP_BLOCKSUFFIX_H

#include "qopt/Interp/BlockRunner.h"

namespace qopt {

/// What follows some op of a block, with the values of all samples that it
/// reads from before. Valid while its runner stands before the block. Memory:
/// those values.
class BlockSuffix {
public:
  /// Runs it with the present weights and calls `use` with the block's output
  /// of each batch of samples, in order.
  Status run(llvm::function_ref<Status(const Tensor &output)> use) const;

private:
  friend class BlockRunner;
  BlockSuffix(BlockRunner &runner, const Program *program)
      : runner(&runner), program(program) {}

  BlockRunner *runner;
  const Program *program; // (arguments of the block, live values) → output
  std::vector<std::vector<RuntimeValue>> live; // of each batch
};

} // namespace qopt

#endif // QOPT_INTERP_BLOCKSUFFIX_H
