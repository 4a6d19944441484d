//===- QuantizedTensors.h - GPTQ, AWQ, pack-quantized tensors ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_IMPORT_QUANTIZEDTENSORS_H
#define QOPT_LIB_IMPORT_QUANTIZEDTENSORS_H

#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/IO/TensorIndex.h"
#include "qopt/Import/QuantizationConfig.h"

namespace qopt::detail {

/// A quantized weight of a checkpoint.
struct QuantizedTensor {
  PackedType type;
  /// Of its components, in the checkpoint.
  std::vector<const TensorEntry *> tensors;
  /// Act-order: column c of the weight is column columnOrder[c] of the type;
  /// otherwise empty.
  std::vector<int64_t> columnOrder;
};

/// Finds the tensors of quantized weights, and what their shapes and values say
/// about the scheme. Reads scales, zero points and g_idx; of the codes only
/// those that tell apart versions of the GPTQ format.
class QuantizedTensors {
public:
  static Result<QuantizedTensors> open(mlir::MLIRContext &context,
                                       const TensorIndex &index,
                                       const QuantizationConfig &config);

  /// The weight [rows, columns] of a module as "model.layers.0.mlp.up_proj".
  Result<QuantizedTensor> get(const std::string &module, int64_t rows,
                              int64_t columns) const;
  /// What the user should know.
  const std::vector<std::string> &remarks() const { return said; }

private:
  struct Found;
  QuantizedTensors(mlir::MLIRContext &context, const TensorIndex &index,
                   const QuantizationConfig &config)
      : context(context), index(index), config(config) {}
  Result<Found> find(const std::string &module, int64_t rows,
                     int64_t columns) const;
  Result<GroupedScheme> schemeOf(const Found &found) const;
  /// Also fills in the tensors and the order of columns.
  Result<LayoutAttrInterface> layoutOf(const Found &found,
                                       const GroupedScheme &scheme,
                                       QuantizedTensor &weight) const;

  mlir::MLIRContext &context;
  const TensorIndex &index;
  QuantizationConfig config;
  GptqZeros zeros = GptqZeros::V1;
  std::vector<std::string> said;
};

/// The width of `codes` codes that fill `words` 32-bit words exactly, if there
/// is one from 2 to 8 bits.
std::optional<int> codeWidth(int64_t words, int64_t codes);

/// How a GPTQ checkpoint stores zero points, whatever it says: some that say
/// version 1 hold those of version 2.
Result<GptqZeros> gptqZerosByValue(const TensorIndex &index);

} // namespace qopt::detail

#endif // QOPT_LIB_IMPORT_QUANTIZEDTENSORS_H
