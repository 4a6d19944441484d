//===- BuildModule.cpp - a model as a module ------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Import/BuildModule.h"

#include "qopt/Dialect/LLM/RopeScalingAttr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace qopt;
using qopt::llm::LLMDialect;

namespace {

class ModuleBuilder {
public:
  ModuleBuilder(MLIRContext &context, const ModelConfig &config,
                WeightDirectory &weights)
      : config(config), weights(weights), builder(&context),
        location(builder.getUnknownLoc()), module(ModuleOp::create(location)) {
    builder.setInsertionPointToEnd(module->getBody());
  }

  Result<OwningOpRef<ModuleOp>> build();

private:
  Status declareWeights();
  Status declare(const WeightId &id);
  void buildBlock(int64_t layer);
  void buildForward();

  Value buildAttention(Value input);
  Value buildFeedForward(Value input);
  Value buildDense(Value input);
  Value buildExperts(Value input);
  /// x after what attention or the feed-forward network adds to it.
  Value addTo(Value x, Value change, WeightRole postNorm);

  /// A function (first, %pos, %kv) -> tensor<?xCxf32>, its body open.
  func::FuncOp beginFunction(StringRef name, Type first, int64_t channels);
  /// x · Wᵀ + b, if the model has such a bias.
  Value linear(Value input, WeightRole role,
               std::optional<WeightRole> bias = std::nullopt);
  /// down · (activation(gate) · up)
  Value gated(Value gate, Value up, WeightRole down,
              std::optional<WeightRole> bias = std::nullopt);
  Value norm(Value input, WeightRole role);
  Value rope(Value input);
  Value load(WeightRole role);
  /// The next `channels` channels from `offset` on, which then is behind them.
  Value slice(Value input, int64_t &offset, int64_t channels);
  FloatAttr optionalF32(std::optional<double> value) {
    return value ? builder.getF32FloatAttr(*value) : FloatAttr();
  }
  Value add(Value a, Value b) {
    return arith::AddFOp::create(builder, location, a, b);
  }
  RankedTensorType hidden(int64_t channels) {
    return RankedTensorType::get({ShapedType::kDynamic, channels},
                                 builder.getF32Type());
  }
  RankedTensorType indices() {
    return RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  }

  const ModelConfig &config;
  WeightDirectory &weights;
  OpBuilder builder;
  Location location;
  OwningOpRef<ModuleOp> module;
  llvm::StringMap<Type> typeOf;  // of the globals
  int64_t layer = 0, expert = 0; // of what is being built
  Value position, cache;         // of the function being built
};

} // namespace

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// `[256, 768]`
static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (int64_t extent : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

Status ModuleBuilder::declare(const WeightId &id) {
  QOPT_ASSIGN(StoredWeight weight, weights.get(id));
  std::vector<int64_t> expected = config.shapeOf(id.role);
  if (weight.type.getShape() != ArrayRef<int64_t>(expected))
    return badInput(weight.place, " has shape ",
                    shapeText(weight.type.getShape()),
                    ", but the configuration makes it ", shapeText(expected));
  if (expected.size() == 1 && !isa<RankedTensorType>(weight.type))
    return badInput(weight.place, " is quantized; norms and biases must be "
                                  "floats");
  std::string symbol = id.symbol();
  typeOf[symbol] = weight.type;
  ml_program::GlobalOp::create(builder, location, symbol, Type(weight.type),
                               /*is_mutable=*/false, weight.value,
                               builder.getStringAttr("private"));
  return {};
}

Status ModuleBuilder::declareWeights() {
  QOPT_CHECK(declare({WeightRole::Embedding}));
  std::vector<WeightRole> roles = config.blockRoles();
  for (int64_t i = 0; i < config.layers; ++i)
    for (WeightRole role : roles) {
      bool perExpert = WeightId{role}.isExpert();
      for (int64_t e = 0; e < (perExpert ? config.experts : 1); ++e)
        QOPT_CHECK(declare({role, i, e}));
    }
  QOPT_CHECK(declare({WeightRole::OutputNorm}));
  if (!config.tiedEmbeddings)
    QOPT_CHECK(declare({WeightRole::Head}));
  return {};
}

Value ModuleBuilder::load(WeightRole role) {
  std::string symbol = WeightId{role, layer, expert}.symbol();
  return ml_program::GlobalLoadConstOp::create(
      builder, location, typeOf.lookup(symbol),
      SymbolRefAttr::get(builder.getContext(), symbol));
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

Value ModuleBuilder::linear(Value input, WeightRole role,
                            std::optional<WeightRole> bias) {
  Value weight = load(role);
  Value biasValue = bias ? load(*bias) : Value();
  int64_t channels = cast<ShapedType>(weight.getType()).getDimSize(0);
  return LinearOp::create(builder, location, hidden(channels), input, weight,
                          biasValue);
}

Value ModuleBuilder::norm(Value input, WeightRole role) {
  return llm::RmsNormOp::create(
      builder, location, input.getType(), input, load(role),
      builder.getF32FloatAttr(config.rmsNormEps),
      config.normOffset != 0 ? builder.getF32FloatAttr(config.normOffset)
                             : FloatAttr());
}

Value ModuleBuilder::rope(Value input) {
  return llm::RopeOp::create(
      builder, location, input.getType(), input, position,
      builder.getI64IntegerAttr(config.headDim),
      builder.getF64FloatAttr(config.ropeThetaOf(layer)),
      llm::ropeScalingAttr(builder.getContext(), config.ropeScalingOf(layer)),
      config.interleavedRope ? builder.getUnitAttr() : UnitAttr(),
      config.rotatedChannels() != config.headDim
          ? builder.getI64IntegerAttr(config.rotatedChannels())
          : IntegerAttr());
}

Value ModuleBuilder::slice(Value input, int64_t &offset, int64_t channels) {
  Value part = llm::SliceOp::create(builder, location, hidden(channels), input,
                                    builder.getI64IntegerAttr(offset));
  offset += channels;
  return part;
}

Value ModuleBuilder::buildAttention(Value input) {
  auto biased = [&](WeightRole bias) {
    return config.queryKeyValueBias ? std::optional(bias) : std::nullopt;
  };
  Value query, key, value;
  if (config.architecture->fusedProjections) {
    Value all = linear(input, WeightRole::QueryKeyValue);
    int64_t offset = 0, shared = config.kvHeads * config.headDim;
    query = slice(all, offset, config.heads * config.headDim);
    key = slice(all, offset, shared);
    value = slice(all, offset, shared);
  } else {
    query = linear(input, WeightRole::Query, biased(WeightRole::QueryBias));
    key = linear(input, WeightRole::Key, biased(WeightRole::KeyBias));
    value = linear(input, WeightRole::Value, biased(WeightRole::ValueBias));
  }
  if (config.architecture->headNorm) {
    query = norm(query, WeightRole::QueryNorm);
    key = norm(key, WeightRole::KeyNorm);
  }
  query = rope(query);
  key = rope(key);
  std::optional<int64_t> window = config.windowOf(layer);
  Value attended = llm::AttentionOp::create(
      builder, location, query.getType(), query, key, value, cache,
      builder.getI64IntegerAttr(layer), builder.getI64IntegerAttr(config.heads),
      builder.getI64IntegerAttr(config.kvHeads),
      builder.getF32FloatAttr(config.attentionScale()),
      window ? builder.getI64IntegerAttr(*window) : IntegerAttr(),
      optionalF32(config.attentionSoftcap));
  return linear(attended, WeightRole::AttentionOutput,
                config.outputBias
                    ? std::optional(WeightRole::AttentionOutputBias)
                    : std::nullopt);
}

Value ModuleBuilder::gated(Value gate, Value up, WeightRole down,
                           std::optional<WeightRole> bias) {
  Value product = llm::GatedOp::create(
      builder, location, gate.getType(), gate, up,
      llm::ActivationAttr::get(builder.getContext(), config.activation));
  return linear(product, down, bias);
}

Value ModuleBuilder::buildDense(Value input) {
  if (config.architecture->fusedProjections) {
    Value both = linear(input, WeightRole::GateUp);
    int64_t offset = 0;
    Value gate = slice(both, offset, config.intermediateSize);
    Value up = slice(both, offset, config.intermediateSize);
    return gated(gate, up, WeightRole::Down);
  }
  auto biased = [&](WeightRole bias) {
    return config.mlpBias ? std::optional(bias) : std::nullopt;
  };
  Value gate = linear(input, WeightRole::Gate, biased(WeightRole::GateBias));
  Value up = linear(input, WeightRole::Up, biased(WeightRole::UpBias));
  return gated(gate, up, WeightRole::Down, biased(WeightRole::DownBias));
}

Value ModuleBuilder::buildExperts(Value input) {
  Value logits = linear(input, WeightRole::Router);
  Value weights = llm::RouteOp::create(
      builder, location, logits.getType(), logits,
      builder.getI64IntegerAttr(config.expertsPerToken),
      config.normalizedRouting ? builder.getUnitAttr() : UnitAttr());
  SmallVector<Value> outputs;
  for (expert = 0; expert < config.experts; ++expert) {
    Value rows =
        llm::DispatchOp::create(builder, location, input.getType(), input,
                                weights, builder.getI64IntegerAttr(expert));
    Value gate = linear(rows, WeightRole::ExpertGate);
    Value up = linear(rows, WeightRole::ExpertUp);
    outputs.push_back(gated(gate, up, WeightRole::ExpertDown));
  }
  expert = 0;
  return llm::CombineOp::create(builder, location, input.getType(), weights,
                                outputs);
}

Value ModuleBuilder::buildFeedForward(Value input) {
  return config.architecture->hasExperts() ? buildExperts(input)
                                           : buildDense(input);
}

Value ModuleBuilder::addTo(Value x, Value change, WeightRole postNorm) {
  return add(x,
             config.architecture->postNorms ? norm(change, postNorm) : change);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

func::FuncOp ModuleBuilder::beginFunction(StringRef name, Type first,
                                          int64_t channels) {
  builder.setInsertionPointToEnd(module->getBody());
  Type cacheType = llm::KVCacheType::get(builder.getContext());
  auto function = func::FuncOp::create(
      builder, location, name,
      builder.getFunctionType({first, indices(), cacheType},
                              {hidden(channels)}));
  Block *body = function.addEntryBlock();
  position = body->getArgument(1);
  cache = body->getArgument(2);
  builder.setInsertionPointToStart(body);
  return function;
}

static std::string blockName(int64_t layer) {
  return "block_" + std::to_string(layer);
}

void ModuleBuilder::buildBlock(int64_t index) {
  layer = index;
  func::FuncOp function = beginFunction(
      blockName(layer), hidden(config.hiddenSize), config.hiddenSize);
  function->setAttr(LLMDialect::kBlock, builder.getI64IntegerAttr(layer));
  Value x = function.getArgument(0);
  x = addTo(x, buildAttention(norm(x, WeightRole::AttentionNorm)),
            WeightRole::PostAttentionNorm);
  x = addTo(x, buildFeedForward(norm(x, WeightRole::FeedForwardNorm)),
            WeightRole::PostFeedForwardNorm);
  func::ReturnOp::create(builder, location, x);
}

void ModuleBuilder::buildForward() {
  func::FuncOp function =
      beginFunction("forward", indices(), config.vocabularySize);
  Value x = llm::EmbeddingOp::create(
      builder, location, hidden(config.hiddenSize), function.getArgument(0),
      load(WeightRole::Embedding), optionalF32(config.embeddingScale));
  for (int64_t i = 0; i < config.layers; ++i)
    x = func::CallOp::create(builder, location, blockName(i),
                             TypeRange{x.getType()},
                             ValueRange{x, position, cache})
            .getResult(0);
  x = norm(x, WeightRole::OutputNorm);
  x = linear(x,
             config.tiedEmbeddings ? WeightRole::Embedding : WeightRole::Head);
  if (config.logitSoftcap)
    x = llm::SoftcapOp::create(builder, location, x.getType(), x,
                               builder.getF32FloatAttr(*config.logitSoftcap));
  func::ReturnOp::create(builder, location, x);
}

Result<OwningOpRef<ModuleOp>> ModuleBuilder::build() {
  MLIRContext &context = *builder.getContext();
  QOPT_CHECK(declareWeights());
  for (int64_t i = 0; i < config.layers; ++i)
    buildBlock(i);
  buildForward();
  (*module)->setAttr(LLMDialect::kConfig, configAttribute(context, config));
  (*module)->setAttr(LLMDialect::kEntry,
                     FlatSymbolRefAttr::get(&context, "forward"));
  if (failed(verify(*module)))
    return internalError("the imported module is not valid IR");
  return std::move(module);
}

Result<OwningOpRef<ModuleOp>> qopt::buildModule(MLIRContext &context,
                                                const ModelConfig &config,
                                                WeightDirectory &weights) {
  context.loadDialect<arith::ArithDialect, func::FuncDialect,
                      ml_program::MLProgramDialect, QOptDialect, LLMDialect>();
  return ModuleBuilder(context, config, weights).build();
}
