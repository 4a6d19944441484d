//===- HostBuilder.h - host code around a launch ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_HOSTBUILDER_H
#define QOPT_LIB_CODEGEN_NVPTX_HOSTBUILDER_H

#include "qopt/Codegen/NVPTX/KernelSpec.h"
#include "qopt/Codegen/NVPTX/Targets.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt::nvptx {

/// Writes what surrounds the launch of a kernel: f32 tensors [..., K] go in as
/// matrices [M, K] of the activation type, and [M, N] comes out.
class HostBuilder {
public:
  using Value = mlir::Value;
  HostBuilder(mlir::Operation *op, const Target &target,
              ActivationType activation);

  /// The address of x, narrowed. Sets M.
  Value enter(Value x);
  /// The address of a new y [M, columns].
  Value output(int64_t columns);
  /// y as f32 [M, columns].
  Value leave();
  /// [M, N] with the leading dimensions of `like`, as `type`.
  Value fromMatrix(Value y, mlir::RankedTensorType type, Value like);

  void launch(mlir::SymbolRefAttr kernel, const LaunchShape &shape,
              mlir::ValueRange arguments);

  Value pointer(Value buffer);
  Value index(int64_t value);
  bool hasDynamicRows() const { return mlir::ShapedType::isDynamic(rows); }
  /// M if it is dynamic, as ops take sizes.
  mlir::SmallVector<Value> dynamicRows() const {
    return hasDynamicRows() ? mlir::SmallVector<Value>{rowCount}
                            : mlir::SmallVector<Value>{};
  }

  mlir::ImplicitLocOpBuilder b;
  int64_t rows = 0; // M, or dynamic
  Value rowCount;   // M

private:
  Value toMatrix(Value x);
  /// A new workspace, with its flags zero.
  mlir::memref::AllocOp workspace(int64_t bytes);
  mlir::RankedTensorType matrixType(int64_t columns, mlir::Type element) const {
    return mlir::RankedTensorType::get({rows, columns}, element);
  }

  const Target &target;
  mlir::Type activation;
  Value y; // memref
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_HOSTBUILDER_H
