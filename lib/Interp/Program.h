//===- Program.h - a function translated for execution ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_INTERP_PROGRAM_H
#define QOPT_LIB_INTERP_PROGRAM_H

#include "qopt/Interp/Interpreter.h"

namespace qopt {

/// What the steps of one execution share.
struct Frame {
  Interpreter &interpreter;
  const RunOptions &options;
  std::vector<RuntimeValue> slots;

  ComputeContext compute() const { return interpreter.services().compute(); }
};

struct Step;
/// Executes one op: reads operands from the frame, returns the op's result.
using Kernel = Result<RuntimeValue> (*)(Frame &frame, const Step &step);

/// One op: where its operands and results lie in the frame.
struct Step {
  mlir::Operation *op = nullptr;
  Kernel kernel = nullptr;         // null: a call
  const Program *callee = nullptr; // of a call
  llvm::SmallVector<int, 4> operands, results;
  /// Slots that nothing reads after this step.
  llvm::SmallVector<int, 4> dead;
};

class Program {
public:
  std::vector<Step> steps;
  std::vector<mlir::Type> argumentTypes;
  std::vector<int> arguments, results; // slots
  int slotCount = 0;
  std::string name; // for messages
};

/// The kernel of an op, null if the interpreter does not execute it.
Kernel findKernel(mlir::Operation *op);
/// The same for ops of the llm dialect.
Kernel findModelKernel(mlir::Operation *op);

/// An operand as numbers; a weight is read now.
Result<Tensor> tensorOperand(Frame &frame, const Step &step, unsigned index);
Result<Indices> indexOperand(Frame &frame, const Step &step, unsigned index);
/// Where a result of the shape of operand `index` can be written: into the
/// operand itself if nobody reads it after this step. The slot keeps sharing
/// the numbers, so the operand can still be read meanwhile.
Tensor resultLike(Frame &frame, const Step &step, unsigned index,
                  const Tensor &operand);

/// An error at an op: its location, its name and the reason.
Error errorAt(mlir::Operation *op, llvm::StringRef reason);
/// The same of an error that happened there; it stays of its kind.
Error errorAt(mlir::Operation *op, const Error &error);

} // namespace qopt

#endif // QOPT_LIB_INTERP_PROGRAM_H
