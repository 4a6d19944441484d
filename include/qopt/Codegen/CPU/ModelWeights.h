//===- ModelWeights.h - weights as compiled code reads them -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A weight is used in one of three forms:
//
//     packed    interleaved rows, the components of its layout: linears
//     rows      row after row of floats or GGUF blocks: tables of embeddings,
//               linears with float weights, and others that stay in place
//     f32       plain numbers: norms, biases, and whatever no kernel reads
//
// Where a file already has the bytes of the form, they are used in place.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_MODELWEIGHTS_H
#define QOPT_CODEGEN_CPU_MODELWEIGHTS_H

#include "qopt/Formats/FormatTable.h"
#include "qopt/Weights/QuantizationContext.h"
#include "qopt/Weights/WeightSource.h"

namespace qopt::cpu {

/// One use of a weight, and its tensors' first place in the table.
struct WeightUse {
  enum class Form : uint8_t { Packed, Rows, F32 };
  std::string symbol;
  Form form;
  int64_t firstTensor = 0;
  /// Rows: of what. Packed: the type that says scheme and layout.
  GgufType rowType = GgufType::F32;
  PackedType packed;
};

/// A tensor that the compiled code wants, as it is called in an archive.
struct WeightTensor {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
  int64_t bytes = 0;
};

class ModelWeights {
public:
  ModelWeights(mlir::ModuleOp module, QuantizationContext &services)
      : module(module), services(&services) {}

  /// The use of a weight as a linear: as rows if it is floats, or GGUF blocks
  /// and not to be repacked; packed if a layout holds it and has a kernel; else
  /// decoded.
  Result<WeightUse> useInLinear(llvm::StringRef symbol,
                                llvm::function_ref<bool(PackedType)> hasKernel,
                                bool repack);
  /// As rows that can be read one by one.
  Result<WeightUse> useAsRows(llvm::StringRef symbol);
  /// As plain f32.
  Result<WeightUse> useAsF32(llvm::StringRef symbol);

  const std::vector<WeightTensor> &tensors() const { return wanted; }
  int64_t totalBytes() const;

  /// The bytes of all tensors, made in parallel where they must be made. The
  /// spans live as long as the result and the services.
  struct Loaded {
    std::vector<ByteSpan> tensors;
    std::vector<std::shared_ptr<void>> owned;
  };
  Result<Loaded> load(Progress &progress) const;
  /// Writes them to an archive instead.
  Status write(const std::string &path, bool overwrite,
               Progress &progress) const;

private:
  Result<WeightUse> use(WeightUse wantedUse, mlir::ShapedType type);
  Result<mlir::ml_program::GlobalOp> find(llvm::StringRef symbol) const;
  /// Rows that are still to be brought into the layout of their weight.
  struct PackedRows {
    PackedType type;
    std::shared_ptr<const WeightSource> source;
    std::vector<std::span<uint8_t>> target; // all of it
    int64_t first, count;

    void pack() const;
  };
  /// The tensors of one use, complete but for what `rest` says.
  Status make(const WeightUse &use, std::vector<ByteSpan> &tensors,
              std::vector<std::shared_ptr<void>> &owned,
              std::vector<PackedRows> &rest) const;

  mlir::ModuleOp module;
  QuantizationContext *services;
  std::vector<WeightUse> uses;
  std::vector<WeightTensor> wanted;
};

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_MODELWEIGHTS_H
