//===- QuantizeRecipe.h - what a user asks for, as passes -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_QUANTIZERECIPE_H
#define QOPT_TRANSFORMS_QUANTIZERECIPE_H

#include "qopt/Support/Error.h"
#include "qopt/Transforms/AssignTypes.h"
#include "qopt/Transforms/StatsProvider.h"

#include <optional>
#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace qopt {

enum class QuantizeMethod : uint8_t {
  Rtn,
  Gptq,
  Awq,     // scales, then the nearest codes
  AwqGptq, // scales, then GPTQ
};
/// As in `--method`: "rtn", "gptq", "awq", "awq+gptq".
std::string_view quantizeMethodName(QuantizeMethod method);

/// One way to quantize a model to the types that assignTypes gave its weights.
/// The passes it becomes are those that the pass driver offers, so both give
/// the same bytes.
struct QuantizeRecipe {
  QuantizeMethod method = QuantizeMethod::Gptq;
  TypeRequest types;
  std::string order = "act";   // of GPTQ
  double damp = 0.01;          // of GPTQ
  bool mse = false;            // of GPTQ
  int64_t rounds = 4;          // of descent after GPTQ
  std::optional<double> gptaq; // of GPTQ; see the pass
  CalibrationOptions calibration;
  std::string imatrix; // file of an importance matrix, for GGUF types
  /// Of the calibration samples, AWQ uses this many: it runs every block
  /// dozens of times, and few suffice.
  int64_t scaleSamples = 32;
  std::string archive; // see the pass option
  /// An exporter follows that encodes what no method has quantized: nothing is
  /// written twice.
  bool encodesOnExport = false;
};

/// Usage errors name the flag: GPTQ onto a grid that cannot be compensated yet.
Status checkRecipe(const QuantizeRecipe &recipe);

/// Appends the passes of a recipe, all but assign-types.
void buildQuantizePipeline(mlir::OpPassManager &manager,
                           const QuantizeRecipe &recipe);

/// Writes into the module, as `qopt.recipe`, how it has been quantized.
void recordRecipe(mlir::ModuleOp module, const QuantizeRecipe &recipe);

} // namespace qopt

#endif // QOPT_TRANSFORMS_QUANTIZERECIPE_H
