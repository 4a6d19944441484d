//===- BlockDivergence.h - how the error grows block by block ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_BLOCKDIVERGENCE_H
#define QOPT_INTERP_BLOCKDIVERGENCE_H

#include "qopt/Interp/BlockRunner.h"
#include "qopt/Interp/Evaluate.h"

#include <map>

namespace qopt {

/// A model Q beside the model P that it was quantized from, on some windows.
struct BlockDivergences {
  /// By the symbol of its weight: ‖y − ŷ‖ / ‖y‖ over the outputs y of a linear
  /// of P and ŷ of Q, both in a block that starts with the hidden states of Q.
  std::map<std::string, double> outputErrors;
  /// Mean KL(P‖Q_b) over all predictions, in nats, where Q_b has blocks 0 to b
  /// of Q and everything after them of P.
  std::vector<double> afterBlock;
  /// KL(P‖Q) of the whole model.
  EvaluationResult::Divergence whole;
  double perplexity = 0, referencePerplexity = 0;
  int64_t tokens = 0; // predictions
};

/// Both must have the same blocks, and hidden states that mean the same between
/// them. For n blocks this runs n (n + 7) / 2 blocks; memory is one block of
/// each, the logits of all windows twice, and the outputs of the linears of a
/// block.
Result<BlockDivergences>
blockDivergences(Interpreter &model, Interpreter &reference,
                 std::vector<std::vector<int32_t>> windows, Progress &progress);

} // namespace qopt

#endif // QOPT_INTERP_BLOCKDIVERGENCE_H
