//===- GgufConfig.h - what a GGUF file says about its model -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_GGUFCONFIG_H
#define QOPT_IMPORT_GGUFCONFIG_H

#include "qopt/IO/Gguf.h"
#include "qopt/Import/ModelConfig.h"

namespace qopt {

/// Reads the keys `{architecture}.*`, and from the tensors what only they tell:
/// biases, a tied head, factors of rotary frequencies. Whatever would change
/// what the model computes and is not supported is an error that names it.
Result<ModelConfig> readGgufConfig(const GgufFile &file);

/// The scaling of Llama 3.1 whose divisors of the rotary frequencies are
/// `factors`: its factor is the largest of them, its band the usual one (1 to 4
/// turns in `originalContext`). Nothing if it would give other divisors.
std::optional<RopeScaling> findLlama3Scaling(const std::vector<float> &factors,
                                             double ropeTheta,
                                             int64_t originalContext);

} // namespace qopt

#endif // QOPT_IMPORT_GGUFCONFIG_H
