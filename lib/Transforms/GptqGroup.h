//===- GptqGroup.h - GPTQ on weights that share their input -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_GPTQGROUP_H
#define QOPT_LIB_TRANSFORMS_GPTQGROUP_H

#include "qopt/Numerics/Gptq.h"
#include "qopt/Numerics/GptqBlocks.h"
#include "qopt/Numerics/Hessian.h"
#include "qopt/Support/Stopwatch.h"
#include "qopt/Weights/QuantizationContext.h"
#include "qopt/Weights/WeightSink.h"
#include "qopt/Weights/WeightSource.h"

#include <map>

namespace qopt {

/// How weights are quantized, for grouped schemes and for GGUF types.
struct GptqSettings {
  GptqOptions grouped;
  GptqBlocksOptions blocks;
  double gptaq = 0; // share of the error of the inputs that is made up for
};

/// Where the time went.
struct GptqTimes {
  Stopwatch measuring, factoring, compensating;
};

/// Quantizes weights of one WeightGroup. H is factored when a scheme first
/// needs it, in the way that it needs.
class GptqGroup {
public:
  /// `name` is for messages; the rest must outlive this.
  GptqGroup(std::string name, const HessianStatistics &statistics,
            const GptqSettings &settings, QuantizationContext &services,
            GptqTimes &times)
      : name(std::move(name)), statistics(statistics), settings(settings),
        services(services), times(times) {}

  /// The components of the scheme, grouped or of a GGUF type with a grid.
  Result<WeightBytes> quantize(const WeightSource &source,
                               SchemeAttrInterface scheme);
  /// Tenfold raises of the damping until a factorisation succeeded.
  int64_t raisedDampings() const { return raised; }

private:
  template <typename Factor, typename Make> Result<Factor> factored(Make make);
  void shift(MutableMatrix matrix, const InverseFactor &inverse);
  Result<WeightBytes> quantizeGrouped(MutableMatrix matrix,
                                      const GroupedScheme &scheme);
  Result<WeightBytes> quantizeBlocks(MutableMatrix matrix,
                                     const FormatRow &format);
  ComputeContext compute() const { return services.compute(); }

  std::string name;
  const HessianStatistics &statistics;
  const GptqSettings &settings;
  QuantizationContext &services;
  GptqTimes &times;
  int64_t raised = 0;
  std::map<int64_t, GptqFactor> grouped; // by group size
  std::map<std::pair<int, int>, GptqBlocksFactor>
      blocks; // by sizes of blocks and sub-blocks
};

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_GPTQGROUP_H
