//===- QuantizationPlan.h - which weights are quantized, and together with which
//===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TRANSFORMS_QUANTIZATIONPLAN_H
#define QOPT_TRANSFORMS_QUANTIZATIONPLAN_H

#include "qopt/Interp/BlockRunner.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace qopt {

/// Float weights whose linears read the same value, and so share the
/// statistics of their inputs (q, k and v; gate and up).
struct WeightGroup {
  LinearOp firstLinear; // the first in the block that reads the value
  std::vector<mlir::ml_program::GlobalOp> weights;

  int64_t columns() const { return LinearOp(firstLinear).getInputSize(); }
  /// The name under which the group's statistics are saved.
  std::string name() const;
};

/// The groups of one function, in the order of their first linears.
struct PlannedBlock {
  mlir::func::FuncOp function;
  std::vector<WeightGroup> groups;
};

/// What a quantizing pass works through. Groups follow from def-use alone: no
/// name of a module or tensor has a meaning.
struct QuantizationPlan {
  BlockStructure structure;
  std::vector<PlannedBlock> blocks; // of structure.blocks, same indices
  /// Linears of the entry itself (the head), if they were asked for.
  PlannedBlock tail;

  int64_t weightCount() const;
  /// Everything that is measured: the blocks, and the tail if it has groups.
  std::vector<const PlannedBlock *> measuredBlocks() const;
  /// Drops the weights that `keep` refuses.
  void filter(llvm::function_ref<bool(mlir::ml_program::GlobalOp)> keep);
  /// Calls `use` for each weight, in order.
  void
  forEachWeight(llvm::function_ref<void(mlir::ml_program::GlobalOp)> use) const;
};

/// The weights of the linears in the blocks of a module and, with
/// `includeHead`, of its entry: float or quantized, each once, in order.
Result<std::vector<mlir::ml_program::GlobalOp>>
linearWeights(mlir::ModuleOp module, bool includeHead);

/// Finds the float weights of linears in the blocks of a module and, with
/// `includeHead`, of its entry. A weight appears once, where it is first used.
/// A linear whose weight is no global constant gets a remark.
Result<QuantizationPlan> planQuantization(mlir::ModuleOp module,
                                          bool includeHead);

} // namespace qopt

#endif // QOPT_TRANSFORMS_QUANTIZATIONPLAN_H
