//===- Experts.h - mixtures of experts --------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Routing is a matrix of weights [tokens, experts], 0 where a token does not go
// to an expert. It alone says which rows an expert works on.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_EXPERTS_H
#define QOPT_NUMERICS_EXPERTS_H

#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/MatrixView.h"
#include "qopt/Support/Error.h"

#include <span>
#include <vector>

namespace qopt {

/// weights [T, E] = softmax of the rows of `logits`, of which the `topK`
/// largest stay (the first of equals) and the others become 0; with `normalize`
/// divided by the sum of what stays. `weights` may be `logits`.
void routeTokens(const ComputeContext &context, ConstMatrix logits,
                 int64_t topK, bool normalize, MutableMatrix weights);

/// The rows of `weights` that are not 0 in column `expert`, ascending.
std::vector<int64_t> tokensOfExpert(ConstMatrix weights, int64_t expert);

/// y[t] = Σ_e weights[t, e] · (the row of token t in outputs[e]), summed in the
/// order of the experts. outputs[e] holds the rows of tokensOfExpert(e);
/// another number of rows or columns is BadInput.
Status combineExperts(const ComputeContext &context, ConstMatrix weights,
                      std::span<const ConstMatrix> outputs, MutableMatrix y);

} // namespace qopt

#endif // QOPT_NUMERICS_EXPERTS_H
