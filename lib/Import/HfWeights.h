//===- HfWeights.h - the weights of a checkpoint directory ------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_IMPORT_HFWEIGHTS_H
#define QOPT_LIB_IMPORT_HFWEIGHTS_H

#include "QuantizedTensors.h"

#include "qopt/IO/TensorIndex.h"
#include "qopt/Import/BuildModule.h"

#include <set>

namespace qopt::detail {

/// The weights of a TensorIndex under their Hugging Face names. Those of a
/// multimodal model's text model stand behind a prefix, and experts may stand
/// in one tensor per layer.
class HfWeights final : public WeightDirectory {
public:
  /// `quantized` is null if the checkpoint is not.
  HfWeights(mlir::MLIRContext &context, const TensorIndex &index,
            const ModelConfig &config, const QuantizedTensors *quantized);

  Result<StoredWeight> get(const WeightId &id) override;

  /// The name of a file in `qopt.sources`.
  std::string sourceName(size_t file) const;
  /// What the checkpoint calls the tensor `model.layers.3.…` of a text model.
  std::string storedName(const std::string &name) const;
  bool isOfTextModel(const std::string &name) const;
  /// Tensors that nobody asked for, sorted.
  std::vector<std::string> unused() const;

private:
  Result<StoredWeight> getQuantized(const WeightId &id,
                                    const std::string &module);
  const TensorEntry *findStacked(const WeightId &id) const;
  Result<StoredWeight> getStacked(const WeightId &id,
                                  const TensorEntry &tensor);
  Result<StoredWeight> floats(const TensorEntry &tensor,
                              llvm::ArrayRef<int64_t> shape);

  mlir::MLIRContext &context;
  const TensorIndex &index;
  const ModelConfig &config;
  const QuantizedTensors *quantized;
  /// In front of every name, and instead of its `model.`; both empty unless the
  /// model is multimodal.
  std::string prefix, insteadOfModel;
  std::set<std::string> used;
};

} // namespace qopt::detail

#endif // QOPT_LIB_IMPORT_HFWEIGHTS_H
