//===- KernelEmitter.h - loops over vectors of f32 --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What the kernels between the linears are written with: buffers behind bare
// pointers, loops in steps of 16 floats with a masked rest, and the
// transcendental functions as polynomials, so that no library is called.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_KERNELEMITTER_H
#define QOPT_LIB_CODEGEN_CPU_KERNELEMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <functional>

namespace qopt::cpu {

/// A function `name(buffers…, first, end)` under construction.
class KernelEmitter {
public:
  static constexpr int64_t lanes = 16;

  /// Begins the function at the end of `module`: `buffers` element types, then
  /// `counts` index parameters.
  KernelEmitter(mlir::ModuleOp module, mlir::Location location,
                llvm::StringRef name, llvm::ArrayRef<mlir::Type> buffers,
                int counts = 2);
  /// Ends it.
  void finish();

  /// Parameter `number` as memref<?xT>.
  mlir::Value buffer(int number);
  /// The index parameters.
  mlir::Value count(int number) {
    return function.getArgument(bufferCount + number);
  }
  mlir::func::FuncOp getFunction() { return function; }

  mlir::Value index(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, value);
  }
  mlir::Value add(mlir::Value x, mlir::Value y) {
    return mlir::arith::AddIOp::create(b, x, y);
  }
  mlir::Value times(mlir::Value x, int64_t factor) {
    return mlir::arith::MulIOp::create(b, x, index(factor));
  }

  using Values = llvm::SmallVector<mlir::Value>;
  /// for i = first to end step step: carried = body(i, carried)
  Values loop(mlir::Value first, mlir::Value end, int64_t step, Values carried,
              llvm::function_ref<void(mlir::Value, Values &)> body);
  void loop(mlir::Value first, mlir::Value end, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// body(i, mask) for vectors of elements i, … of [first, end); the mask is
  /// null but for the rest.
  Values vectors(
      mlir::Value first, mlir::Value end, Values carried,
      llvm::function_ref<void(mlir::Value i, mlir::Value mask, Values &)> body);

  /// to[toStart + i] = from[fromStart + order[i]] for i < columns.
  void permuteRow(mlir::Value from, mlir::Value fromStart, mlir::Value order,
                  mlir::Value to, mlir::Value toStart, int64_t columns);

  /// f32 vectors; lanes that are masked off are 0.
  mlir::Value load(mlir::Value buffer, mlir::Value at, mlir::Value mask);
  void store(mlir::Value vector, mlir::Value buffer, mlir::Value at,
             mlir::Value mask);
  mlir::Value splat(double value);
  mlir::Value broadcast(mlir::Value scalar);
  mlir::Value sum(mlir::Value vector);
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value z);

  /// exp(x), to 2^-22 of the result; x clamped to what f32 can show.
  mlir::Value exponential(mlir::Value x);
  /// 1 - 2 / (exp(2x) + 1)
  mlir::Value tanh(mlir::Value x);
  /// Abramowitz and Stegun 7.1.26, to 1.5e-7.
  mlir::Value erf(mlir::Value x);

  mlir::ImplicitLocOpBuilder b;

private:
  mlir::func::FuncOp function;
  int bufferCount;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_KERNELEMITTER_H
