//===- QuantizeRecipe.h - what a user asks for, as passes -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_QUANTIZERECIPE_H
#define QOPT_TRANSFORMS_QUANTIZERECIPE_H

#include "qopt/Support/Error.h"
#include "qopt/Transforms/StatsProvider.h"

#include <optional>
#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace qopt {

enum class QuantizeMethod : uint8_t { Rtn, Gptq };

/// One way to quantize a model. The passes it becomes are those that the pass
/// driver offers, so both give the same bytes.
struct QuantizeRecipe {
  QuantizeMethod method = QuantizeMethod::Gptq;
  /// int2 … int8 (grouped), a GGUF type in lower case, or f16 for no change.
  std::string type = "int4";
  std::optional<int64_t> group;  // grouped types only; default 128
  std::optional<bool> symmetric; // grouped types only; default false
  std::string order = "act";     // of GPTQ
  double damp = 0.01;            // of GPTQ
  bool mse = false;              // of GPTQ
  bool head = false;             // also the linears outside of the blocks
  CalibrationOptions calibration;
  std::string archive;     // see the pass option
  bool ggufBlocks = false; // end with the blocks of GGUF types
};

/// Appends the passes of a recipe. Usage errors name the flag: an unknown type,
/// --group with a GGUF type, GPTQ onto a grid that cannot be compensated yet.
Status buildQuantizePipeline(mlir::OpPassManager &manager,
                             const QuantizeRecipe &recipe);

} // namespace qopt

#endif // QOPT_TRANSFORMS_QUANTIZERECIPE_H
