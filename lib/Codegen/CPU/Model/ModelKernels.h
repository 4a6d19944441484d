//===- ModelKernels.h - the kernels of one model ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Each function emits a kernel unless one of that name is there, and returns
// the name. Shapes are part of the names, so layers share kernels.
//
//     rms_norm, bias, slice   (x, [w,] y, firstRow, endRow)
//     elementwise             (x, [z,] y, firstElement, endElement)
//     linears                 (x, components…, y, M, firstBlock, endBlock)
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_MODELKERNELS_H
#define QOPT_LIB_CODEGEN_CPU_MODELKERNELS_H

#include "qopt/Codegen/CPU/LinearKernel.h"
#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Formats/FormatTable.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

namespace qopt::cpu {

/// A linear of the model: its kernel, and how it is called.
struct LinearKernel {
  std::string symbol; // of the function with block numbers
  int components = 0; // weights that it takes
  int64_t blocks = 0; // of rows of the weight
  /// The two steps of a single row of x; empty if there is only one way.
  std::string prepare = {}, row = {};
  int64_t preparedBytes = 0;
  std::string preparation = {}; // equal texts: equally prepared
};

class KernelEmitter;

class ModelKernels {
public:
  ModelKernels(mlir::ModuleOp module, const CpuTarget &target)
      : module(module), target(target) {}

  LinearKernel linear(mlir::Location location, const LinearKernelSpec &spec);
  /// A linear whose weight is rows of floats or GGUF blocks. `exact`: the
  /// bits of a row do not depend on how many there are.
  LinearKernel denseLinear(mlir::Location location, GgufType type, int64_t rows,
                           int64_t columns, bool exact);

  /// (x, w, [order,] y, firstRow, endRow); `permutes` the channels of y.
  std::string rmsNorm(mlir::Location location, int64_t columns, float epsilon,
                      float offset, bool permutes);
  std::string bias(mlir::Location location, int64_t columns);
  std::string slice(mlir::Location location, int64_t columns, int64_t offset,
                    int64_t outputs);
  /// (x, order, y, firstRow, endRow)
  std::string permute(mlir::Location location, int64_t columns);
  /// A constant of i32.
  std::string order(mlir::Location location, mlir::DenseI64ArrayAttr order);
  /// Of an arith.addf, mulf or subf, an llm.gated or llm.softcap.
  std::string elementwise(mlir::Operation *op);
  std::string sum(mlir::Location location);

private:
  using Values = llvm::ArrayRef<mlir::Value>;
  std::string
  elementwise(mlir::Location location, std::string name, int inputs,
              llvm::function_ref<mlir::Value(KernelEmitter &e, Values x)> body);
  bool has(llvm::StringRef symbol) {
    return module.lookupSymbol(symbol) != nullptr;
  }
  mlir::ModuleOp module;
  const CpuTarget &target;
  llvm::DenseMap<mlir::Attribute, std::string> orders;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_MODELKERNELS_H
