//===- GgufStream.h - weights on their way into a GGUF file -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Some millions of weights at a time: while they are encoded, a thread reads
// those that come next and another writes those before, so that a model takes
// as long as the slowest of the three, and memory holds a few such pieces.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_EXPORT_GGUFSTREAM_H
#define QOPT_LIB_EXPORT_GGUFSTREAM_H

#include "GgufOutput.h"
#include "GgufTensors.h"

#include "qopt/Weights/QuantizationContext.h"

namespace qopt::detail {

/// Where the time went, in seconds. Reading and writing go on while weights are
/// encoded; what the encoder waited for them is told apart.
struct GgufStreamTimes {
  double reading = 0, encoding = 0, writing = 0;
  double waitedForReading = 0, waitedForWriting = 0;
  int64_t bytesIn = 0, weights = 0, bytesOut = 0;

  /// `x s encoding (y GB/s of f32), …`
  std::string text() const;
};

/// Writes the weights, which are the first declarations of the output. Stops
/// when the user asks (ErrorKind::Interrupted).
Result<GgufStreamTimes> writeWeights(const std::vector<GgufWeight> &weights,
                                     const ImportanceMatrix *importance,
                                     QuantizationContext &services,
                                     GgufOutput &output);

} // namespace qopt::detail

#endif // QOPT_LIB_EXPORT_GGUFSTREAM_H
