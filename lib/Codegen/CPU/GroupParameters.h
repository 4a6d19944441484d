//===- GroupParameters.h - emission: scales and minima ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_GROUPPARAMETERS_H
#define QOPT_LIB_CODEGEN_CPU_GROUPPARAMETERS_H

#include "KernelArguments.h"
#include "VectorBuilder.h"
#include "qopt/Formats/Interleaved.h"

namespace qopt::cpu {

/// Loads the parameters of 16 rows, and stores their outputs.
class GroupParameters {
public:
  using Value = mlir::Value;

  GroupParameters(VectorBuilder &v, const InterleavedLayout &layout,
                  const KernelArguments &arguments)
      : v(v), layout(layout), h(layout.hierarchy), arguments(arguments) {}

  /// f32: S, or s where there are levels.
  Value scale(Value block, Value group);
  /// z or m as i32, an f16 minimum as f32; null without minima.
  Value minimum(Value block, Value group);
  /// d and dmin of a super-block.
  Value superScale(Value block, Value super) {
    return half("super_scales", block, super);
  }
  Value superMinimum(Value block, Value super) {
    return half("super_minima", block, super);
  }
  /// S and M of w = S v(q) + M, in f32: of one of the groups whose columns the
  /// chunk holds. v(q) is what ChunkCodes::codes gives.
  struct Affine {
    Value scale, minimum;
  };
  Affine affine(Value block, Value chunk, int group);
  /// Fetches codes and parameters of a chunk into the second-level cache.
  void prefetch(Value block, Value chunk);
  Value packed() const { return component("packed"); }

  /// y[row] of a block, 0 beyond its last row.
  Value loadOutput(Value row, Value block);
  /// y[row] of a block; the last block may have fewer rows than lanes.
  void storeOutput(Value row, Value block, Value total);

private:
  Value component(llvm::StringRef suffix) const {
    return arguments.components[layout.componentIndex(suffix)];
  }
  Value load(llvm::StringRef suffix, Value block, Value index) {
    return v.load(component(suffix), {block, index, v.index(0)});
  }
  /// Which lanes of a block are rows.
  Value rowMask(Value block);
  Value half(llvm::StringRef suffix, Value block, Value index);

  VectorBuilder &v;
  const InterleavedLayout &layout;
  const AffineHierarchy &h;
  const KernelArguments &arguments;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_GROUPPARAMETERS_H
