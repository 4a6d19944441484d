//===- BlockRunner.h - runs a model block by block, for calibration -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_BLOCKRUNNER_H
#define QOPT_INTERP_BLOCKRUNNER_H

#include "qopt/Interp/Interpreter.h"

namespace qopt {

/// How a module is cut for calibration.
///
/// A model has an entry (`llm.entry`) of the form (tokens, pos, cache) →
/// logits. If functions carry `llm.block`, its body is
///
///     %x = …                                   // the prelude: embedding
///     %x0 = call @block_0(%x, %pos, %kv)
///     %x1 = call @block_1(%x0, %pos, %kv)      // …every block once, in order
///     %y = …                                   // the tail: norm and head
///
/// and the first argument and only result of a block are the hidden states.
/// Anything else is an error that says what was expected. An entry without
/// blocks is one block. A module without an entry is no model: every function
/// with a body is a block (in order of `llm.block` where they have it), and
/// there is nothing to calibrate with.
struct BlockStructure {
  std::vector<mlir::func::FuncOp> blocks;
  mlir::func::FuncOp entry;              // null: no model
  std::vector<mlir::func::CallOp> calls; // of the blocks; empty if the entry
                                         // itself is the block

  static Result<BlockStructure> find(mlir::ModuleOp module);
};

class BlockSuffix;

/// Holds the hidden states of all samples before some block, and moves them
/// through the blocks. Memory: the hidden states, unless they are more than the
/// services allow and lie in a file, and one batch.
class BlockRunner {
public:
  /// The structure must have an entry.
  static Result<BlockRunner> create(Interpreter &interpreter,
                                    BlockStructure structure);

  int64_t blockCount() const { return int64_t(structure.blocks.size()); }
  mlir::func::FuncOp block(int64_t index) const {
    return structure.blocks[index];
  }

  /// Says that so many runners hold samples at the same time: each leaves the
  /// others their part of the memory that the services allow.
  void shareMemory(int64_t runners) { sharers = runners; }

  /// Takes the samples, each a sequence of its own, and runs the prelude: the
  /// hidden states are now those before block 0.
  Status start(std::vector<std::vector<int32_t>> samples);

  /// Runs a block on all samples, in batches of bounded size, in order. The
  /// hidden states must be those before this block. With `keepOutput` they are
  /// replaced by the block's outputs; without, `stopAfter` may end it early.
  Status run(int64_t index, const RunOptions &options, bool keepOutput);

  /// Runs the next block up to the op `from` and keeps what the rest of it
  /// needs, so that the rest can be run again and again with other weights.
  Result<BlockSuffix> split(mlir::Operation *from);

  /// Runs what follows the last block (norm and head); its results are dropped.
  Status runTail(const RunOptions &options);

  /// Room for numbers of some rows, in a file if the hidden states and as many
  /// numbers for every row are more than the services allow.
  Result<Tensor> allocate(int64_t rows, int64_t columns);

  /// Rows of all samples, one after another; [0, 0] if the entry is the block.
  ConstMatrix hidden() const { return states.matrix(); }
  /// The block that the hidden states stand before.
  int64_t position() const { return next; }
  int64_t sampleCount() const { return int64_t(samples.size()); }

private:
  BlockRunner(Interpreter &interpreter, BlockStructure structure)
      : interpreter(&interpreter), structure(std::move(structure)) {}
  /// Calls `task` on the first row, the number of rows, and the arguments of
  /// the entry (tokens, positions, an empty cache) of every batch of samples.
  using BatchTask =
      llvm::function_ref<Status(int64_t firstRow, int64_t rows,
                                llvm::ArrayRef<RuntimeValue> entryArguments)>;
  Status forEachBatch(int64_t maxRows, BatchTask task);
  Tensor slice(int64_t first, int64_t rows) const;
  /// Lets go of the memory of some hidden states that lie in a file.
  void letGo(int64_t first, int64_t rows) const;
  /// The arguments of a block for a batch of which the entry has those.
  std::vector<RuntimeValue>
  blockArguments(int64_t index, int64_t firstRow, int64_t rows,
                 llvm::ArrayRef<RuntimeValue> entryArguments) const;
  /// Makes the results of the next block those of samples from row `first` on.
  Status keep(int64_t first, llvm::ArrayRef<RuntimeValue> results);
  /// Whether the hidden states and `columns` more numbers for each row are more
  /// than the services allow; said once.
  bool exceedsMemory(int64_t columns);
  friend class BlockSuffix;
  friend class BlockWalk;

  static constexpr int64_t rowsPerBatch = 2048;
  Interpreter *interpreter;
  BlockStructure structure;
  const Program *prelude = nullptr, *tail = nullptr;
  std::vector<std::vector<int32_t>> samples;
  Tensor states;
  bool onDisk = false; // the states
  bool saidOnDisk = false;
  int64_t next = 0, sharers = 1;
};

} // namespace qopt

#endif // QOPT_INTERP_BLOCKRUNNER_H
