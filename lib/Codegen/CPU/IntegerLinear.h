//===- IntegerLinear.h - y = x W^T in byte products -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_INTEGERLINEAR_H
#define QOPT_LIB_CODEGEN_CPU_INTEGERLINEAR_H

#include "Activations.h"
#include "CodeFields.h"
#include "GroupParameters.h"
#include "qopt/Codegen/CPU/LinearKernel.h"

namespace qopt::cpu {

/// Emits the bodies of kernels with byte activations: for one row of x that has
/// been quantized before, and for rows in tiles, each quantized once and then
/// multiplied by every block of rows of W.
class IntegerLinear {
public:
  using Value = mlir::Value;
  using Values = VectorBuilder::Values;

  IntegerLinear(mlir::ImplicitLocOpBuilder &builder,
                const LinearKernelSpec &spec, const CpuTarget &target,
                const KernelArguments &arguments);
  /// arguments.prepared, if there is one, or the rows of x.
  void emit();

private:
  /// The parameters of a group of 16 rows, as vectors.
  struct Group {
    Value scale;   // f32: S, or s
    Value minimum; // i32: z or m; f32: m in f16; or null
  };
  /// The sums of one row of x with levels, before d and dmin.
  struct LevelSums {
    Value scaled;   // f32: sum of s * dot
    Value minimums; // i32: sum of m * sum of xq; null without minima
  };

  Group groupAt(Value block, Value group) {
    return {parameters.scale(block, group), parameters.minimum(block, group)};
  }

  // One row of x: codes stay in registers.
  void emitRow(Value block, Value outputRow);
  Value rowSegment(Value block, Value segment, Value total);
  void rowDots(Value block, Value chunk, int firstStep, int endStep,
               const ChainPlan &chains, Values &sums);
  Value combine(const ChainPlan &chains, mlir::ArrayRef<Value> sums);
  /// What the chains of a group start with.
  Values startChains(const ChainPlan &chains, Value row, Value group);
  Value startSum(Value row, Value group);

  // Many rows of x: a span of codes of some blocks is unpacked once, then every
  // row uses it. Scratch holds the blocks' vectors side by side.
  void allocateSpan();
  void emitRows(Value firstBlock, Value outputRow, Value count);
  void unpackSpan(Value block, Value side, Value first, Value end);
  void multiplySpan(Value first, Value end, Value count);
  void multiplyRows(Value firstSegment, Value endSegment, Value row, int rows);
  void multiplySegment(Value segment, Value local, Value row, Values &totals);
  Value sideOf(Value place, int block) {
    return v.add(v.times(place, tile.blocks), block);
  }

  /// total + a (S (acc …) …) of a group without levels, and of a segment of
  /// groups with them.
  Value finishFlat(Value acc, Group group, Value row, Value index, Value total);
  void addLevel(LevelSums &sums, Value acc, Group group, Value row,
                Value index);
  Value finishLevels(LevelSums sums, Value superScale, Value superMinimum,
                     Value row, Value segment, Value total);

  VectorBuilder v;
  IntegerDot unit;
  const InterleavedLayout &layout;
  const AffineHierarchy &h;
  KernelArguments arguments;
  GroupParameters parameters;
  IntegerDot::Tile tile; // of sums in registers
  int64_t tileRows;      // of x, quantized at once
  Activations activations;
  const SegmentPlan &plan;
  int64_t segmentsPerSpan;
  // Scratch: codes [steps, 16], parameters [groups, 16], d and dmin, y of a
  // tile [rows, 16], of each block.
  Value spanCodes, spanScales, spanMinima, spanSuper, results;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_INTEGERLINEAR_H
