//===- ModelOps.h - ops of the model structure in linalg --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What lib/Interp computes, written over linalg, math, tensor and scf. Each
// function emits at the builder what takes the place of an op's result.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_LINALG_MODELOPS_H
#define QOPT_LIB_TRANSFORMS_LINALG_MODELOPS_H

#include "WeightElement.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Support/Error.h"

#include "mlir/IR/BuiltinOps.h"

namespace qopt {

mlir::Value lowerRmsNorm(mlir::ImplicitLocOpBuilder &b, llm::RmsNormOp op);
mlir::Value lowerLayerNorm(mlir::ImplicitLocOpBuilder &b, llm::LayerNormOp op);
mlir::Value lowerGated(mlir::ImplicitLocOpBuilder &b, llm::GatedOp op);
mlir::Value lowerSoftcap(mlir::ImplicitLocOpBuilder &b, llm::SoftcapOp op);
mlir::Value lowerSlice(mlir::ImplicitLocOpBuilder &b, llm::SliceOp op);
/// The rows of a table of any scheme. Tokens must be within the vocabulary.
mlir::Value lowerEmbedding(mlir::ImplicitLocOpBuilder &b, llm::EmbeddingOp op,
                           const WeightElement &table);
/// With `llm.long_rope`, all rows are taken for one sequence.
mlir::Value lowerRope(mlir::ImplicitLocOpBuilder &b, llm::RopeOp op);

mlir::Value lowerRoute(mlir::ImplicitLocOpBuilder &b, llm::RouteOp op);
mlir::Value lowerDispatch(mlir::ImplicitLocOpBuilder &b, llm::DispatchOp op);
mlir::Value lowerCombine(mlir::ImplicitLocOpBuilder &b, llm::CombineOp op);

/// A `!llm.kv_cache` of one sequence:
///   numbers  memref<layers x 2 x capacity x channels>, keys then values
///   lengths  memref<layers x i64>, how many positions are in there
struct CacheBuffers {
  mlir::Value numbers, lengths;
};
/// Appends to the buffers and attends. Asserts that the capacity suffices.
mlir::Value lowerAttention(mlir::ImplicitLocOpBuilder &b, llm::AttentionOp op,
                           const CacheBuffers &cache);

/// The caches of the functions of a module.
using CacheArguments = llvm::DenseMap<mlir::Value, CacheBuffers>;
/// Puts the two buffers behind every argument of type `!llm.kv_cache`, and
/// passes them in calls. BadInput, and nothing is changed, if a cache is
/// anything but an argument of a function that calls and attentions use.
Result<CacheArguments> addCacheArguments(mlir::ModuleOp module);
/// Removes the arguments of type `!llm.kv_cache` that nothing uses any more.
void eraseCacheArguments(mlir::ModuleOp module);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_LINALG_MODELOPS_H
