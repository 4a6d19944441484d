//===- BuildModule.h - a model as a module ----------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     @embed, @l0.attn_q, …, @norm, @head     one global per weight
//     func @block_i(%x, %pos, %kv) -> %x      llm.block = i
//     func @forward(%tokens, %pos, %kv) -> logits
//
// The same for every kind of checkpoint: where the numbers of a weight lie is
// asked for, and only a reference to it enters the module.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_BUILDMODULE_H
#define QOPT_IMPORT_BUILDMODULE_H

#include "qopt/Import/ModelConfig.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace qopt {

/// A weight as a checkpoint holds it.
struct StoredWeight {
  mlir::Attribute value; // #qopt.extern, perhaps under a view
  mlir::ShapedType type; // float tensor or quantized weight, static shape
  std::string place;     // "model.safetensors: tensor 'x'", for errors
};

/// Where the weights of a model are.
class WeightDirectory {
public:
  virtual ~WeightDirectory() = default;
  /// An error that names file and tensor if there is none.
  virtual Result<StoredWeight> get(const WeightId &id) = 0;
};

/// Builds the functions and globals of the model, without the attributes of the
/// module that say where it comes from. The shape of every weight is checked
/// against the configuration.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
buildModule(mlir::MLIRContext &context, const ModelConfig &config,
            WeightDirectory &weights);

/// The value of `llm.config`: `arch`, `name`, then the keys of config.json.
mlir::DictionaryAttr configAttribute(mlir::MLIRContext &context,
                                     const ModelConfig &config);
/// The configuration of a module that was imported, as far as `llm.config`
/// repeats it. Errors name the missing or wrong key.
Result<ModelConfig> readConfigAttribute(mlir::ModuleOp module);

} // namespace qopt

#endif // QOPT_IMPORT_BUILDMODULE_H
