//===- TokenModel.h - whatever turns tokens into logits ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_TOKENMODEL_H
#define QOPT_INTERP_TOKENMODEL_H

#include "qopt/Interp/Tensor.h"
#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Support/Error.h"

namespace qopt {

/// What evaluation and generation need of a model, be it interpreted or
/// compiled. It holds one sequence of its own.
class TokenModel {
public:
  virtual ~TokenModel() = default;

  /// V, the length of a row of logits.
  virtual int64_t vocabularySize() const = 0;
  /// Tokens that a sequence may have; 0 if the model does not say.
  virtual int64_t contextLength() const = 0;

  /// Logits [tokens, V] of all positions of some windows, each a sequence
  /// apart from the others and from the model's own.
  virtual Result<Tensor>
  windowLogits(std::span<const std::vector<int32_t>> windows) = 0;

  /// Appends tokens to the model's sequence. The V logits that follow the last.
  virtual Result<std::vector<float>>
  append(std::span<const int32_t> tokens) = 0;

  /// Forgets the model's sequence.
  virtual void restart() = 0;

  /// What metrics of the logits are computed with.
  virtual ComputeContext compute() = 0;

  /// A number of rows whose logits do not take too much memory.
  int64_t rowsPerBatch() const;
};

} // namespace qopt

#endif // QOPT_INTERP_TOKENMODEL_H
