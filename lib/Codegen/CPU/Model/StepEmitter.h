//===- StepEmitter.h - calls of the steps of a program ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Emits one function that runs a program: ForwardEmitter.cpp all steps but
// linears, LinearSteps.cpp these.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_STEPEMITTER_H
#define QOPT_LIB_CODEGEN_CPU_STEPEMITTER_H

#include "ForwardEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <map>

namespace qopt::cpu {

class StepEmitter {
public:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;

  StepEmitter(mlir::ModuleOp module, const PlannedProgram &planned)
      : module(module), program(*planned.program), steps(planned.steps),
        b(module.getLoc(), module.getContext()),
        pointer(mlir::LLVM::LLVMPointerType::get(module.getContext())),
        i64(b.getI64Type()), f32(b.getF32Type()) {
    b.setInsertionPointToEnd(module.getBody());
  }

  /// The function. With `profile` it marks the end of each step, whose numbers
  /// begin with `firstMark`. Calls with one row go to `oneToken` if it is not
  /// empty; a function for one token itself has `isOneToken`.
  void emit(llvm::StringRef name, bool profile, int64_t firstMark,
            llvm::StringRef oneToken, bool isOneToken);

private:
  /// The fields of QoptRtCall that compiled code reads.
  enum Field { Weights, Arena, Logits, Rows, OutputRows, Threads };

  Value constant(int64_t value) {
    return mlir::LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(value));
  }
  Value constant(float value) {
    return mlir::LLVM::ConstantOp::create(b, f32, b.getF32FloatAttr(value));
  }
  Value times(Value x, Value y) { return mlir::LLVM::MulOp::create(b, x, y); }
  Value times(Value x, int64_t y) { return times(x, constant(y)); }
  Value smaller(Value x, Value y) {
    return mlir::LLVM::UMinOp::create(b, x, y);
  }
  Value field(Field number, mlir::Type type) {
    return mlir::LLVM::LoadOp::create(
        b, type, offset(call, constant(int64_t(8) * number)));
  }
  Value offset(Value base, Value bytes) {
    return mlir::LLVM::GEPOp::create(b, pointer, b.getI8Type(), base,
                                     mlir::ArrayRef<mlir::LLVM::GEPArg>{bytes});
  }
  Value allocate(int64_t bytes) {
    return mlir::LLVM::AllocaOp::create(b, pointer, b.getI8Type(),
                                        constant(bytes), /*alignment=*/64);
  }
  Value loadPointer(Value table, int64_t number) {
    return mlir::LLVM::LoadOp::create(b, pointer,
                                      offset(table, constant(8 * number)));
  }
  /// Declares a function of the runtime.
  void declare(llvm::StringRef name, ValueRange arguments, mlir::Type result);
  void runtime(llvm::StringRef name, ValueRange arguments) {
    declare(name, arguments, mlir::LLVM::LLVMVoidType::get(b.getContext()));
    callKernel(name, arguments);
  }
  void callKernel(llvm::StringRef name, ValueRange arguments) {
    mlir::LLVM::CallOp::create(b, mlir::TypeRange{}, name, arguments);
  }
  Value addressOfFunction(llvm::StringRef name) {
    return mlir::LLVM::AddressOfOp::create(
        b, module.lookupSymbol<mlir::LLVM::LLVMFuncOp>(name));
  }
  /// An internal function without a result, at the end of the module; the
  /// builder is left in it.
  mlir::LLVM::LLVMFuncOp beginInternal(llvm::StringRef name,
                                       llvm::ArrayRef<mlir::Type> parameters);

  Value addressOf(int value);
  /// The rows of an input that a step reads.
  Value input(const ModelStep &step, int number);
  Value output(const ModelStep &step) { return addressOf(step.output); }
  /// How many rows a step computes.
  Value rowsOf(const ModelStep &step) {
    int dispatch = program.value(step.output).dispatch;
    return dispatch >= 0 ? dispatched[dispatch] : tokensOf(step);
  }
  Value tokensOf(const ModelStep &step) {
    return step.trimmed ? outputRows : rows;
  }
  int64_t columnsOf(const ModelStep &step, int number) {
    return program.value(step.inputs[number]).columns;
  }
  Value weight(const WeightUse &use) {
    return loadPointer(weights, use.firstTensor);
  }
  /// The thread's part of `count` units.
  std::pair<Value, Value> share(Value count);

  void emitOneTokenBranch(llvm::StringRef oneToken);
  void emitStep(const PlannedStep &planned);
  void callRowWise(const PlannedStep &planned, Value x, Value y, Value first,
                   Value end);
  void emitRowWise(const PlannedStep &planned, int64_t rowsPerToken);
  void emitElementwise(const PlannedStep &planned);
  void emitDispatch(const ModelStep &step, llm::DispatchOp op);
  void emitCombine(const ModelStep &step);

  // LinearSteps.cpp
  void allocateRows();
  void emitLinear(const PlannedStep &planned);
  std::string adaptor(const LinearKernel &kernel, bool row);
  void emitBarrier(size_t stepIndex, bool fetchesAhead);
  void emitFused(const PlannedStep &planned);
  std::string pieceFunction(const PlannedStep &planned);
  Value multipliedRow(const PlannedStep &planned);
  Value preparedFor(const PlannedStep &planned, const LinearKernel &kernel);

  /// What a prepared row is: of which value, and how.
  using Preparation = std::tuple<int, bool, std::string>;

  mlir::ModuleOp module;
  const ModelProgram &program;
  llvm::ArrayRef<PlannedStep> steps;
  mlir::ImplicitLocOpBuilder b;
  mlir::LLVM::LLVMPointerType pointer;
  mlir::Type i64, f32;
  Value call, thread, weights, arena, logits, rows, outputRows, threads;
  Value preparedRow; // memory of the thread
  Preparation prepared = {-1, false, ""};
  ::llvm::DenseMap<int, Value> dispatched; // value of a dispatch → its rows

  // Of fused linears, also memory of the thread: arguments of pieces, a row
  // behind each step before a linear, and rows prepared in different ways.
  struct OwnRow {
    Value memory;
    int value = -1; // that it holds, or is made of
  };
  Value pieceArguments;
  std::vector<OwnRow> rowsBefore;
  std::map<std::string, OwnRow> preparedRows; // by way
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_STEPEMITTER_H
