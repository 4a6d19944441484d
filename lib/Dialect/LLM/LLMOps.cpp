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

static int64_t channels(Value value) {
  return cast<ShapedType>(value.getType()).getShape().back();
}

static int64_t tokens(Value value) {
  return cast<ShapedType>(value.getType()).getShape().front();
}

/// What an expert makes of the rows that it is sent: as many as there are.
static RankedTensorType expertType(Type output) {
  auto type = cast<RankedTensorType>(output);
  return RankedTensorType::get({ShapedType::kDynamic, type.getShape().back()},
                               type.getElementType());
}

/// The types of the outputs of experts, which follow from the result's.
static ParseResult
parseExpertTypes(OpAsmParser &parser,
                 ArrayRef<OpAsmParser::UnresolvedOperand> outputs, Type output,
                 SmallVectorImpl<Type> &types) {
  auto type = dyn_cast<RankedTensorType>(output);
  if (!type || type.getRank() != 2)
    return parser.emitError(parser.getCurrentLocation(),
                            "expected a 2-D tensor as the result");
  types.append(outputs.size(), expertType(type));
  return success();
}

static void printExpertTypes(OpAsmPrinter &, Operation *, OperandRange, Type,
                             TypeRange) {}

#define GET_OP_CLASSES
#include "qopt/Dialect/LLM/LLMOps.cpp.inc"

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
  if (getScale() && !(getScale()->convertToFloat() > 0))
    return emitOpError("scale must be positive");
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

LogicalResult LayerNormOp::verify() {
  for (Value vector : getOperands().drop_front())
    if (channels(vector) != channels(getInput()))
      return emitOpError() << "a vector of " << channels(vector)
                           << " entries does not fit " << channels(getInput())
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
  int64_t rotated = getRotatedChannels();
  if (rotated < 2 || rotated % 2 != 0 || rotated > headDim)
    return emitOpError() << "rotary_dim must be even and at most " << headDim
                         << ", but is " << rotated;
  auto factors = dyn_cast_or_null<LongRopeAttr>(getScalingAttr());
  if (factors && factors.getShortFactors().size() != rotated / 2)
    return emitOpError() << "has " << factors.getShortFactors().size()
                         << " factors for " << rotated / 2 << " frequencies";
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
  if (getSoftcap() && !(getSoftcap()->convertToFloat() > 0))
    return emitOpError("softcap must be positive");
  return success();
}

LogicalResult SoftcapOp::verify() {
  if (!(getCap().convertToFloat() > 0))
    return emitOpError("cap must be positive");
  return success();
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

LogicalResult SliceOp::verify() {
  int64_t offset = getOffset(), size = channels(getOutput());
  if (size < 1 || offset < 0 || offset > channels(getInput()) - size)
    return emitOpError() << "channels " << offset << " to " << offset + size
                         << " are not within " << channels(getInput());
  if (tokens(getInput()) != tokens(getOutput()))
    return emitOpError("input and output differ in their tokens");
  return success();
}

/// All channels are the input itself, and a slice of a slice is one.
OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto outer = getInput().getDefiningOp<SliceOp>()) {
    setOffset(getOffset() + outer.getOffset());
    getInputMutable().assign(outer.getInput());
    return getResult();
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Mixtures of experts
//===----------------------------------------------------------------------===//

LogicalResult RouteOp::verify() {
  int64_t experts = channels(getLogits()), used = getTopK();
  if (used < 1 || used > experts)
    return emitOpError() << "top_k must be 1 to " << experts << ", but is "
                         << used;
  return success();
}

LogicalResult DispatchOp::verify() {
  int64_t experts = channels(getWeights()), expert = getExpert();
  if (expert < 0 || expert >= experts)
    return emitOpError() << "there is no expert " << expert << " among "
                         << experts;
  if (tokens(getInput()) != tokens(getWeights()))
    return emitOpError("needs one row of weights per token");
  if (getOutput().getType() != expertType(getInput().getType()))
    return emitOpError() << "the rows of an expert are a "
                         << expertType(getInput().getType());
  return success();
}

LogicalResult CombineOp::verify() {
  int64_t experts = channels(getWeights());
  if (int64_t(getOutputs().size()) != experts)
    return emitOpError() << "has " << getOutputs().size() << " outputs for "
                         << experts << " experts";
  for (Value output : getOutputs())
    if (output.getType() != expertType(getType()))
      return emitOpError() << "the output of an expert is a "
                           << expertType(getType());
  if (tokens(getOutput()) != tokens(getWeights()))
    return emitOpError("needs one row of weights per token");
  return success();
}
