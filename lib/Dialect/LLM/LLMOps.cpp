//===- LLMOps.cpp - what the ops of the model structure demand -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/LLM/LLMOps.h"

#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::llm;

#define GET_OP_CLASSES
#include "qopt/Dialect/LLM/LLMOps.cpp.inc"

static int64_t channels(Value value) {
  return cast<ShapedType>(value.getType()).getShape().back();
}

static int64_t tokens(Value value) {
  return cast<ShapedType>(value.getType()).getShape().front();
}

LogicalResult EmbeddingOp::verify() {
  ShapedType table = getTable().getType();
  if (!table.hasStaticShape())
    return emitOpError("needs a table of static shape");
  if (channels(getOutput()) != table.getDimSize(1))
    return emitOpError() << "output has " << channels(getOutput())
                         << " channels, but the table has "
                         << table.getDimSize(1) << " columns";
  if (tokens(getOutput()) != tokens(getTokens()))
    return emitOpError("needs one output row per token");
  return success();
}

LogicalResult RmsNormOp::verify() {
  int64_t length = getWeight().getType().getShape()[0];
  if (length < 1 || channels(getInput()) % length != 0)
    return emitOpError() << "a weight of " << length
                         << " entries does not divide " << channels(getInput())
                         << " channels";
  if (!(getEps().convertToFloat() >= 0))
    return emitOpError("eps must not be negative");
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t headDim = getHeadDim();
  if (headDim < 2 || headDim % 2 != 0 || channels(getInput()) % headDim != 0)
    return emitOpError() << "head_dim must be even and divide "
                         << channels(getInput()) << " channels, but is "
                         << headDim;
  if (!(getTheta().convertToDouble() > 0))
    return emitOpError("theta must be positive");
  if (tokens(getInput()) != tokens(getPos()))
    return emitOpError("needs one position per token");
  return success();
}

LogicalResult AttentionOp::verify() {
  int64_t heads = getHeads(), kvHeads = getKvHeads();
  if (heads < 1 || kvHeads < 1 || heads % kvHeads != 0)
    return emitOpError() << heads << " heads are not a multiple of " << kvHeads
                         << " kv_heads";
  if (channels(getQuery()) % heads != 0)
    return emitOpError() << channels(getQuery())
                         << " query channels are not a multiple of " << heads
                         << " heads";
  if (channels(getKey()) != channels(getQuery()) / heads * kvHeads)
    return emitOpError() << "key has " << channels(getKey())
                         << " channels, but " << kvHeads << " kv_heads of "
                         << channels(getQuery()) / heads << " make "
                         << channels(getQuery()) / heads * kvHeads;
  if (channels(getValue()) % kvHeads != 0 ||
      channels(getOutput()) != channels(getValue()) / kvHeads * heads)
    return emitOpError("value and output channels do not match the heads");
  if (tokens(getQuery()) != tokens(getKey()) ||
      tokens(getQuery()) != tokens(getValue()) ||
      tokens(getQuery()) != tokens(getOutput()))
    return emitOpError("query, key, value and output differ in their tokens");
  if (int64_t(getLayer()) < 0)
    return emitOpError("layer must not be negative");
  if (getWindow() && int64_t(*getWindow()) < 1)
    return emitOpError("window must be at least 1");
  return success();
}
