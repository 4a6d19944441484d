//===- ModelProgram.h - a model as a list of steps --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Calls are inlined, values get places in one arena, and barriers go between
// steps of which one reads or overwrites what the other writes.
//
// A value is [rows, columns]. Up to the last attention rows are the tokens of
// the call; after it, only the last tokens whose logits are wanted
// (`trimmed`), since nothing there looks at other rows.
//
// A program for one token fuses steps, because at that size barriers and trips
// through memory cost as much as their arithmetic: a linear takes its input
// through the norm and the permutation before it, and what follows it element
// by element is done by the thread that has computed the elements. With many
// rows a norm alone takes a permutation along.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_MODELPROGRAM_H
#define QOPT_LIB_CODEGEN_CPU_MODELPROGRAM_H

#include "qopt/Support/Error.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace qopt::cpu {

struct ModelValue {
  int64_t columns = 0;
  bool trimmed = false;
  /// The value of the llm.dispatch that says how many rows there are; -1: the
  /// tokens.
  int dispatch = -1;
  /// Column of the arena where it starts, a multiple of 16; -1: the logits.
  int64_t place = -1;
};

struct ModelStep {
  mlir::Operation *op = nullptr;
  /// The addition of a bias to what a linear has computed, in place.
  bool isBias = false;
  llvm::SmallVector<int, 4> inputs; // values, without weights
  llvm::SmallVector<std::string, 2> weights;
  int output = -1;
  bool barrierBefore = false;
  bool trimmed = false;

  /// Of linears in a program for one token: the norms and permutations that x
  /// goes through, in each thread for itself. inputs[0] is what the first
  /// reads.
  std::vector<ModelStep> before;
  /// What is done with a range of outputs as soon as it is there: linears of
  /// the same x and as many outputs, biases and elementwise ops.
  std::vector<ModelStep> then;
  /// Of norms with many rows: the qopt.permute_channels that the result, and
  /// nothing else, goes through.
  mlir::Operation *permutation = nullptr;

  bool isLinear() const;
  /// Works on each element of its inputs alone.
  bool isElementwise() const;
  /// The value that a linear multiplies.
  int multiplied() const {
    return before.empty() ? inputs[0] : before.back().output;
  }
  /// The value that the step and those after it leave behind.
  int result() const { return then.empty() ? output : then.back().output; }
};

class ModelProgram {
public:
  /// BadInput names the first op that compiled code does not do, and where.
  /// `oneToken`: the program runs with a single row, whose logits are wanted.
  static Result<ModelProgram> build(mlir::ModuleOp module, bool oneToken);

  const std::vector<ModelStep> &steps() const { return allSteps; }
  const ModelValue &value(int index) const { return values[index]; }
  /// Columns of the arena.
  int64_t arenaColumns() const { return arena; }
  int64_t vocabulary() const { return logitColumns; }

private:
  friend class ProgramFlattener;
  void trimAfterLastAttention();
  /// In FuseSteps.cpp.
  void fuse(bool oneToken);
  /// In PlaceValues.cpp.
  Status place();
  int replacedInput(const ModelStep &step, const ModelStep &part,
                    llvm::function_ref<bool(int)> endsHere) const;
  /// In PlaceBarriers.cpp.
  void placeBarriers();
  /// Whether an llm.rope has made it.
  bool isRotated(int value) const;

  std::vector<ModelStep> allSteps;
  std::vector<ModelValue> values;
  int logits = -1;
  int64_t arena = 0, logitColumns = 0;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_MODELPROGRAM_H
