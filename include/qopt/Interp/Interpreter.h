//===- Interpreter.h - executes functions in f32 -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The reference semantics of the IR: each op calls one function of
// Numerics/Ops.h or Gemm.h, and whatever a backend emits is compared with the
// outcome. It is also the calibrator: an observer sees the input of every
// linear.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_INTERP_INTERPRETER_H
#define QOPT_INTERP_INTERPRETER_H

#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Interp/KvCache.h"
#include "qopt/Interp/Tensor.h"
#include "qopt/Interp/WeightStore.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <functional>

namespace qopt {

class Program;

/// Called with a `qopt.linear` and its input [rows, K] before it is executed.
/// An error ends the run.
using LinearObserver = std::function<Status(LinearOp, ConstMatrix)>;

struct RunOptions {
  LinearObserver observer = {};
  /// If not null: the run ends after this op, with no results.
  mlir::Operation *stopAfter = nullptr;
};

class Interpreter {
public:
  struct Options {
    /// Bytes of decoded weights to keep.
    int64_t maxMemory = WeightStore::unlimited;
  };

  Interpreter(mlir::ModuleOp module,
              std::shared_ptr<QuantizationContext> services, Options options);
  Interpreter(mlir::ModuleOp module,
              std::shared_ptr<QuantizationContext> services)
      : Interpreter(module, std::move(services), Options()) {}
  ~Interpreter();

  mlir::ModuleOp module() const { return root; }
  QuantizationContext &services() { return *context; }
  WeightStore &weights() { return store; }

  /// Translates a function once, with all that it calls. Errors (BadInput)
  /// name the op and its location: ops that are not executed here, control
  /// flow, recursion, weights that are no constants of the module. The program
  /// lives as long as the interpreter; the function must not change meanwhile.
  Result<const Program *> prepare(mlir::func::FuncOp function);
  /// The same for the ops [first, last) of the body of a function: a program
  /// from `arguments` to `results`.
  Result<const Program *> prepare(mlir::func::FuncOp function,
                                  mlir::Block::iterator first,
                                  mlir::Block::iterator last,
                                  mlir::ValueRange arguments,
                                  mlir::ValueRange results);

  /// Runs a program. Shapes of arguments are checked against the types.
  Result<std::vector<RuntimeValue>> run(const Program *program,
                                        std::vector<RuntimeValue> arguments,
                                        const RunOptions &options = {});
  /// The same for a program with one tensor as its result.
  Result<Tensor> runToTensor(const Program *program,
                             std::vector<RuntimeValue> arguments,
                             const RunOptions &options = {});

private:
  mlir::ModuleOp root;
  std::shared_ptr<QuantizationContext> context;
  WeightStore store;
  /// One per function; null while it is being prepared.
  std::map<mlir::Operation *, std::unique_ptr<Program>> functions;
  std::vector<std::unique_ptr<Program>> fragments;
};

/// "file.mlir:12:3", for messages.
std::string locationText(mlir::Location location);

} // namespace qopt

#endif // QOPT_INTERP_INTERPRETER_H
