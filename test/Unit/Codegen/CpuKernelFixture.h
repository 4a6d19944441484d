//===- CpuKernelFixture.h - a random weight and its kernel -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_CODEGEN_CPUKERNELFIXTURE_H
#define QOPT_TEST_CODEGEN_CPUKERNELFIXTURE_H

#include "qopt/Codegen/CPU/Jit.h"
#include "qopt/Codegen/CPU/ObjectFile.h"
#include "qopt/Codegen/CPU/Passes.h"
#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Formats/Half.h"

#include "mlir/Dialect/Func/Extensions/AllExtensions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include <random>

namespace qopt {

/// A random matrix of a grouped scheme, plain and interleaved.
struct RandomWeight {
  RandomWeight(GroupedScheme scheme, int64_t rows, int64_t columns)
      : matrix(scheme, rows, columns), layout{scheme, rows, columns} {
    std::mt19937 random(rows * 31 + columns);
    std::uniform_real_distribution<float> scale(0.001f, 0.1f);
    for (uint8_t &code : matrix.codes)
      code = random() & scheme.maxCode();
    for (uint8_t &zero : matrix.zeros)
      zero = random() & scheme.maxCode();
    for (uint16_t &bits : matrix.scales)
      bits = f32ToF16(scale(random));
    const int64_t rowBytes = scheme.packedRowBytes(columns);
    std::vector<uint8_t> codes(rows * rowBytes);
    for (int64_t row = 0; row < rows; ++row)
      packCodes(std::span(matrix.codes).subspan(row * columns, columns),
                scheme.bits, &codes[row * rowBytes]);
    std::vector<std::span<const uint8_t>> source = {
        codes,
        {reinterpret_cast<const uint8_t *>(matrix.scales.data()),
         2 * matrix.scales.size()},
        matrix.zeros};
    std::vector<std::span<uint8_t>> target;
    for (const Component &component : layout.components())
      packed.emplace_back(component.bytes());
    target.assign(packed.begin(), packed.end());
    interleave(layout, source, target);
  }

  /// y[m, n] = sum of x[m, k] w[n, k], in f64.
  std::vector<double> multiply(const std::vector<float> &x, int64_t m) const {
    std::vector<double> y(m * layout.rows);
    std::vector<float> row(layout.columns);
    for (int64_t n = 0; n < layout.rows; ++n) {
      matrix.dequantizeRow(n, row.data());
      for (int64_t i = 0; i < m; ++i)
        for (int64_t k = 0; k < layout.columns; ++k)
          y[i * layout.rows + n] += double(x[i * layout.columns + k]) * row[k];
    }
    return y;
  }

  std::string type() const {
    const GroupedScheme &s = layout.scheme;
    return str("!qopt.packed<", layout.rows, "x", layout.columns,
               "xf16, #qopt.grouped<bits = ", s.bits, ", group = ", s.groupSize,
               s.symmetric ? ", symmetric" : "",
               ">, #qopt.interleaved<rows = 16>>");
  }
  std::string symbol() const {
    const GroupedScheme &s = layout.scheme;
    return str("qopt_linear_int", s.bits, "_g",
               s.groupSize < 0 ? "row" : std::to_string(s.groupSize),
               s.symmetric ? "_sym" : "", "_n", layout.rows, "_k",
               layout.columns);
  }

  GroupedMatrix matrix;
  InterleavedLayout layout;
  std::vector<std::vector<uint8_t>> packed;
};

/// Lowers one linear with such a weight by `lower-to-llvm-cpu`.
inline mlir::OwningOpRef<mlir::ModuleOp>
lowerLinear(mlir::MLIRContext &context, const RandomWeight &weight,
            const std::string &cpuName = "host",
            const std::string &features = "") {
  const std::string x = str("tensor<?x", weight.layout.columns, "xf32>");
  const std::string y = str("tensor<?x", weight.layout.rows, "xf32>");
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      str("func.func @f(%x: ", x, ", %w: ", weight.type(), ") -> ", y, " {\n",
          "%0 = qopt.linear %x, %w : ", x, ", ", weight.type(), " -> ", y,
          "\n return %0 : ", y, "\n}"),
      &context);
  mlir::PassManager manager(&context);
  cpu::LowerToLLVMCPUOptions options;
  options.cpu = cpuName;
  options.features = features;
  cpu::buildLowerToLLVMCPUPipeline(manager, options);
  if (mlir::failed(manager.run(*module)))
    return {};
  return module;
}

/// Everything that lowering a linear needs.
inline mlir::DialectRegistry codegenDialects() {
  mlir::DialectRegistry registry;
  registry.insert<QOptDialect, mlir::func::FuncDialect>();
  mlir::func::registerAllExtensions(registry);
  return registry;
}

/// Calls a kernel, or its blocks form if a range is given; the address may be
/// that of a JIT or of a shared object.
inline void callKernel(void *kernel, const RandomWeight &weight, const float *x,
                       float *y, int64_t m,
                       std::pair<int64_t, int64_t> blocks = {-1, -1}) {
  const void *packed = weight.packed[0].data();
  const void *scales = weight.packed[1].data();
  using Pointer = const void *;
  if (weight.layout.scheme.symmetric) {
    if (blocks.first < 0)
      return reinterpret_cast<void (*)(Pointer, Pointer, Pointer, void *,
                                       int64_t)>(kernel)(x, packed, scales, y,
                                                         m);
    return reinterpret_cast<void (*)(Pointer, Pointer, Pointer, void *, int64_t,
                                     int64_t, int64_t)>(kernel)(
        x, packed, scales, y, m, blocks.first, blocks.second);
  }
  const void *zeros = weight.packed[2].data();
  if (blocks.first < 0)
    return reinterpret_cast<void (*)(Pointer, Pointer, Pointer, Pointer, void *,
                                     int64_t)>(kernel)(x, packed, scales, zeros,
                                                       y, m);
  reinterpret_cast<void (*)(Pointer, Pointer, Pointer, Pointer, void *, int64_t,
                            int64_t, int64_t)>(kernel)(
      x, packed, scales, zeros, y, m, blocks.first, blocks.second);
}

} // namespace qopt

#endif // QOPT_TEST_CODEGEN_CPUKERNELFIXTURE_H
