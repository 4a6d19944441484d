//===- OriginalModel.h - a float model beside a quantized one ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_ORIGINALMODEL_H
#define QOPT_LIB_TRANSFORMS_ORIGINALMODEL_H

#include "qopt/Interp/ModelWalk.h"
#include "qopt/Numerics/Gptaq.h"
#include "qopt/Transforms/QuantizationPlan.h"

namespace qopt {

/// Moves samples through the float model, beside the one that is being
/// quantized.
class OriginalModel {
public:
  explicit OriginalModel(mlir::ModuleOp module)
      : interpreter(module, getQuantizationContext(module)) {}

  Status start(const BlockStructure &structure,
               const std::vector<std::vector<int32_t>> &samples) {
    QOPT_ASSIGN(BlockRunner runner,
                BlockRunner::create(interpreter, structure));
    runner.shareMemory(2);
    walk.emplace(std::move(runner));
    return walk->blocks().start(samples);
  }

  /// Runs the next block, or the tail, up to a linear.
  Status advance(LinearOp linear) {
    tailInputs.clear();
    return walk->advance(linear, [&](ConstMatrix input) -> Status {
      if (!walk->inTail())
        return {};
      QOPT_ASSIGN(Tensor copy,
                  walk->blocks().allocate(input.rows, input.columns));
      for (int64_t row = 0; row < input.rows; ++row)
        std::copy_n(input.row(row), input.columns,
                    copy.mutableMatrix().row(row));
      tailInputs.push_back(std::move(copy));
      return {};
    });
  }

  /// What the linear that it has come to reads in one batch of samples.
  Tensor input(LinearOp linear, int64_t batch) const {
    return walk->inTail() ? tailInputs[batch] : walk->input(linear, batch);
  }

  Status finishBlock() { return walk->finishBlock(); }

  WeightStore &weights() { return interpreter.weights(); }

private:
  Interpreter interpreter;
  std::optional<ModelWalk> walk;
  std::vector<Tensor> tailInputs; // which no block keeps
};

/// C of one group of linears. Where the models route different tokens to an
/// expert, its rows do not belong together, and there is none.
struct CrossMoments {
  CrossAccumulator sums;
  int64_t batch = 0;
  bool comparable = true;

  void add(const ComputeContext &context, const OriginalModel &original,
           LinearOp linear, ConstMatrix present) {
    const Tensor input = original.input(linear, batch++);
    comparable &= input.rows() == present.rows;
    if (comparable)
      sums.add(context, input.matrix(), present);
  }
  std::vector<float> finish() {
    return comparable ? sums.finish() : std::vector<float>();
  }
};

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_ORIGINALMODEL_H
