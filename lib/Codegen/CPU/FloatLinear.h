//===- FloatLinear.h - y = x W^T in f32 -------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_FLOATLINEAR_H
#define QOPT_LIB_CODEGEN_CPU_FLOATLINEAR_H

#include "Decode.h"
#include "GroupParameters.h"
#include "KernelArguments.h"
#include "qopt/Codegen/CPU/LinearKernel.h"

namespace qopt::cpu {

/// Emits the body of a kernel that keeps activations as they are.
class FloatLinear {
public:
  using Value = mlir::Value;
  using Values = VectorBuilder::Values;

  FloatLinear(mlir::ImplicitLocOpBuilder &builder, const LinearKernelSpec &spec,
              const CpuTarget &target, const KernelArguments &arguments);
  void emit();

private:
  // The sums of a group are one per row of x and chain of the decode, then,
  // with minima, the sum of each row's x.

  void emitTile(Value block, Value row, int rows);
  void addRuns(Value block, Value row, Values &totals);
  /// A group that is a run.
  void addGroup(Value block, Value group, int64_t columns, Value row,
                Values &totals);
  /// A chunk of a super-block: one group or two.
  void addChunkOfGroups(Value block, Value chunk, Value row, Values &totals);
  void addColumns(Value block, Value chunk, Value firstColumn, int begin,
                  int end, Value row, mlir::ArrayRef<Value> offsets,
                  const DecodePlan &plan, Values &sums);
  void finish(Value block, Value group, const DecodePlan &plan,
              mlir::ArrayRef<Value> sums, Values &totals);
  Values offsetsOf(Value block, Value group, const DecodePlan &plan);
  Values startSums(const DecodePlan &plan, int rows);
  int chains(int rows) const;

  VectorBuilder v;
  IntegerDot unit;
  const InterleavedLayout &layout;
  const AffineHierarchy &h;
  KernelArguments arguments;
  GroupParameters parameters;
  bool minima; // M is not part of what is subtracted from a code
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_FLOATLINEAR_H
