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
#include "qopt/Formats/BlockFields.h"
#include "qopt/Formats/Half.h"

#include "mlir/Dialect/Func/Extensions/AllExtensions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

namespace qopt {

/// A random matrix of any scheme: its numbers, and interleaved.
struct RandomWeight {
  RandomWeight(GroupedScheme grouped, int64_t rows, int64_t columns)
      : layout{grouped, rows, columns},
        scheme(str("#qopt.grouped<bits = ", grouped.bits,
                   ", group = ", grouped.groupSize,
                   grouped.symmetric ? ", symmetric>" : ">")),
        name(str("int", grouped.bits, "_g",
                 grouped.groupSize < 0 ? "row"
                                       : std::to_string(grouped.groupSize),
                 grouped.symmetric ? "_sym" : "")) {
    std::mt19937 random(rows * 31 + columns);
    std::uniform_real_distribution<float> scale(0.001f, 0.1f);
    const int64_t groups = layout.groups();
    const int64_t rowBytes = grouped.packedRowBytes(columns);
    std::vector<uint8_t> codes(rows * rowBytes), zeros(rows * groups);
    std::vector<uint16_t> scales(rows * groups);
    for (int64_t row = 0; row < rows; ++row) {
      HierarchyRow &numbers = matrix.emplace_back(layout.hierarchy, columns);
      for (uint8_t &code : numbers.codes)
        code = random() & grouped.maxCode();
      for (uint16_t &bits : numbers.scales)
        bits = f32ToF16(scale(random));
      for (uint16_t &zero : numbers.minima)
        zero = random() & grouped.maxCode();
      packCodes(numbers.codes, grouped.bits, &codes[row * rowBytes]);
      std::ranges::copy(numbers.scales, scales.begin() + row * groups);
      std::ranges::copy(numbers.minima, zeros.begin() + row * groups);
    }
    pack({codes,
          {reinterpret_cast<const uint8_t *>(scales.data()), 2 * scales.size()},
          zeros});
  }

  RandomWeight(const FormatRow &row, int64_t rows, int64_t columns)
      : layout{findBlockFields(row.type)->hierarchy, rows, columns, 16,
               findBlockFields(row.type)},
        scheme(str("#qopt.gguf<", row.name, ">")), name(row.name) {
    const BlockFields &fields = *layout.fields;
    std::mt19937 random(rows * 31 + columns);
    std::vector<uint8_t> blocks(rows * row.rowBytes(columns));
    for (uint8_t &byte : blocks)
      byte = random();
    for (size_t i = 0; i < blocks.size(); i += row.blockBytes) {
      uint16_t half = f32ToF16(0.001f + random() % 100 * 0.0001f);
      if (row.type == GgufType::MXFP4)
        blocks[i] = 118 + random() % 10;
      else
        std::memcpy(&blocks[i + fields.scaleByte], &half, 2);
      half = f32ToF16(0.001f * (random() % 21));
      if (fields.minimumByte >= 0)
        std::memcpy(&blocks[i + fields.minimumByte], &half, 2);
    }
    for (int64_t index = 0; index < rows; ++index)
      fields.read(blocks.data() + index * row.rowBytes(columns),
                  matrix.emplace_back(layout.hierarchy, columns));
    pack({blocks});
  }

  void pack(std::vector<std::span<const uint8_t>> source) {
    for (const Component &component : layout.components())
      packed.emplace_back(component.bytes());
    std::vector<std::span<uint8_t>> target(packed.begin(), packed.end());
    interleave(layout, source, target);
  }

  /// y[m, n] = sum of x[m, k] w[n, k], in f64.
  std::vector<double> multiply(const std::vector<float> &x, int64_t m) const {
    std::vector<double> y(m * layout.rows);
    std::vector<float> row(layout.columns);
    for (int64_t n = 0; n < layout.rows; ++n) {
      matrix[n].dequantize(layout.hierarchy, row.data());
      for (int64_t i = 0; i < m; ++i)
        for (int64_t k = 0; k < layout.columns; ++k)
          y[i * layout.rows + n] += double(x[i * layout.columns + k]) * row[k];
    }
    return y;
  }

  /// The same with x rounded to bytes as kernels do: segments of a run of at
  /// most 256 columns share the scale max |x| / 127. Sums of a group are
  /// integers.
  std::vector<double> multiplyRounded(const std::vector<float> &x,
                                      int64_t m) const {
    const AffineHierarchy &h = layout.hierarchy;
    const int64_t columns = layout.columns, run = layout.runColumns();
    const int64_t group = h.groupLength(columns);
    std::vector<double> y(m * layout.rows);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t begin = 0, end; begin < columns; begin = end) {
        end = std::min({begin / run * run + run, begin + 256, columns});
        if (begin % run > 0) // pieces start at multiples of 256 in the run
          end =
              std::min(end, begin / run * run + (begin % run / 256 + 1) * 256);
        const float *segment = &x[i * columns];
        float largest = 0;
        for (int64_t k = begin; k < end; ++k)
          largest = std::max(largest, std::abs(segment[k]));
        const float scale = largest / 127;
        const float inverse = largest == 0 ? 0 : 127 / largest;
        for (int64_t n = 0; n < layout.rows; ++n)
          for (int64_t k = begin; k < end;) {
            const int64_t stop = std::min(end, (k / group + 1) * group);
            const int64_t g = k / group;
            int64_t dot = 0, sum = 0;
            for (; k < stop; ++k) {
              int rounded = int(std::nearbyint(segment[k] * inverse));
              int code = matrix[n].codes[k];
              dot += ((h.values ? h.values[code] : code) - h.zero) * rounded;
              sum += rounded;
            }
            y[i * layout.rows + n] +=
                double(scale) * (double(matrix[n].scale(h, g)) * dot -
                                 double(matrix[n].minimum(h, g)) * sum);
          }
      }
    return y;
  }

  /// The same with x and w_hat rounded to bf16, as tiles take them.
  std::vector<double> multiplyTiled(const std::vector<float> &x,
                                    int64_t m) const {
    auto rounded = [](float value) {
      uint32_t bits = std::bit_cast<uint32_t>(value);
      bits += 0x7fff + (bits >> 16 & 1);
      return std::bit_cast<float>(bits & 0xffff0000);
    };
    std::vector<double> y(m * layout.rows);
    std::vector<float> row(layout.columns);
    for (int64_t n = 0; n < layout.rows; ++n) {
      matrix[n].dequantize(layout.hierarchy, row.data());
      std::ranges::transform(row, row.begin(), rounded);
      for (int64_t i = 0; i < m; ++i)
        for (int64_t k = 0; k < layout.columns; ++k)
          y[i * layout.rows + n] +=
              double(rounded(x[i * layout.columns + k])) * row[k];
    }
    return y;
  }

  std::string type() const {
    return str("!qopt.packed<", layout.rows, "x", layout.columns, "xf16, ",
               scheme, ", #qopt.interleaved<rows = 16>>");
  }
  std::string symbol() const {
    return str("qopt_linear_", name, "_n", layout.rows, "_k", layout.columns);
  }

  InterleavedLayout layout;
  std::string scheme, name;
  std::vector<HierarchyRow> matrix;
  std::vector<std::vector<uint8_t>> packed;
};

struct KernelOptions {
  std::string cpu = "host", features;
  bool exact = false;
};

/// Whether kernels for these options multiply `m` rows of x in tiles of bf16.
inline bool usesTiles(const KernelOptions &options, int64_t m) {
  auto hasTiles = [](llvm::StringRef cpu, llvm::StringRef features) {
    auto target = cpu::CpuTarget::resolve(cpu, features);
    return target && target->has("amx-bf16") && target->has("avx512bf16");
  };
  return !options.exact && m >= 16 && hasTiles("host", "") &&
         hasTiles(llvm::StringRef(options.cpu).split(',').first,
                  options.features);
}

/// A module with one linear by such a weight, lowered.
inline mlir::OwningOpRef<mlir::ModuleOp>
lowerLinear(mlir::MLIRContext &context, const RandomWeight &weight,
            const KernelOptions &chosen = {}) {
  const std::string x = str("tensor<?x", weight.layout.columns, "xf32>");
  const std::string y = str("tensor<?x", weight.layout.rows, "xf32>");
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      str("func.func @f(%x: ", x, ", %w: ", weight.type(), ") -> ", y, " {\n",
          "%0 = qopt.linear %x, %w : ", x, ", ", weight.type(), " -> ", y,
          "\n return %0 : ", y, "\n}"),
      &context);
  mlir::PassManager manager(&context);
  cpu::LowerToLLVMCPUOptions options;
  options.cpu = chosen.cpu;
  options.features = chosen.features;
  options.exact = chosen.exact;
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
/// that of a JIT or of a shared object. Arguments of the C calling convention
/// are passed as integers, which pointers and counts all are.
inline void callKernel(void *kernel, std::span<const void *const> components,
                       const float *x, float *y, int64_t m,
                       std::pair<int64_t, int64_t> blocks = {-1, -1}) {
  std::vector<intptr_t> a = {intptr_t(x)};
  for (const void *component : components)
    a.push_back(intptr_t(component));
  a.insert(a.end(), {intptr_t(y), m});
  if (blocks.first >= 0)
    a.insert(a.end(), {blocks.first, blocks.second});
  const size_t count = a.size();
  a.resize(10);
  auto call = [&]<typename... T>(T... arguments) {
    reinterpret_cast<void (*)(T...)>(kernel)(arguments...);
  };
  switch (count) {
  case 5:
    return call(a[0], a[1], a[2], a[3], a[4]);
  case 6:
    return call(a[0], a[1], a[2], a[3], a[4], a[5]);
  case 7:
    return call(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
  case 8:
    return call(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
  case 9:
    return call(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
  case 10:
    return call(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
  }
  std::abort();
}

inline void callKernel(void *kernel, const RandomWeight &weight, const float *x,
                       float *y, int64_t m,
                       std::pair<int64_t, int64_t> blocks = {-1, -1}) {
  std::vector<const void *> components;
  for (const std::vector<uint8_t> &buffer : weight.packed)
    components.push_back(buffer.data());
  callKernel(kernel, components, x, y, m, blocks);
}

} // namespace qopt

#endif // QOPT_TEST_CODEGEN_CPUKERNELFIXTURE_H
