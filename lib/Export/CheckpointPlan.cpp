//===- CheckpointPlan.cpp - what a checkpoint is going to hold ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CheckpointPlan.h"
#include "CheckpointKinds.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Formats/GptqLayout.h"
#include "qopt/Transforms/QuantizationPlan.h"
#include "qopt/Weights/WeightSource.h"

#include <algorithm>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

int64_t CheckpointWeight::bytes() const {
  int64_t total = 0;
  for (const SafetensorsDeclaration &tensor : tensors)
    total += Component{"", tensor.dtype, tensor.shape}.bytes();
  return total;
}

/// `model.layers.0.mlp.up_proj` of its weight's name; norms too.
static std::string moduleName(const std::string &tensor) {
  constexpr std::string_view suffix = ".weight";
  return tensor.ends_with(suffix)
             ? tensor.substr(0, tensor.size() - suffix.size())
             : tensor;
}

namespace {

class Planner {
public:
  Planner(const Architecture &family, CheckpointFormat format, GptqZeros zeros)
      : family(family), kind(checkpointKind(format)), plan{format, zeros, {}} {}

  Status add(ml_program::GlobalOp global, bool linear);
  Result<CheckpointPlan> finish() && {
    QOPT_CHECK(kind.check(plan));
    return std::move(plan);
  }

private:
  Status addQuantized(CheckpointWeight &weight, SchemeAttrInterface scheme);
  Status addFloat(CheckpointWeight &weight);

  const Architecture &family;
  const CheckpointKind &kind;
  CheckpointPlan plan;
};

/// The family whose names the weights get. Without one they are the usual ones;
/// checkpointConfig() says what is missing.
const Architecture &familyOf(ModuleOp module) {
  auto config = module->getAttrOfType<DictionaryAttr>(llm::LLMDialect::kConfig);
  auto name = config ? config.getAs<StringAttr>("arch") : StringAttr();
  const Architecture *family =
      name ? findArchitecture(name.getValue()) : nullptr;
  return family ? *family : architectures().front();
}

/// Models from GGUF files may rotate neighbouring channels, or have norms whose
/// weights are not less one.
Status checkOrigin(ModuleOp module, const Architecture &family) {
  constexpr const char *advice =
      "start from the checkpoint that the GGUF file was made from";
  Status status;
  module.walk([&](llm::RopeOp rope) {
    if (rope.getInterleaved())
      status = badInput("the model rotates neighbouring channels of q and k, "
                        "as GGUF files of this architecture do, but "
                        "checkpoints rotate halves; ",
                        advice);
  });
  module.walk([&](llm::RmsNormOp norm) {
    if (family.offsetNorms && !norm.getOffset())
      status = badInput("the weights of norms are whole, as in GGUF files, but "
                        "checkpoints of ",
                        family.name, " models hold them less one; ", advice);
  });
  return status;
}

} // namespace

Status Planner::addFloat(CheckpointWeight &weight) {
  ml_program::GlobalOp global = weight.global;
  auto type = cast<ShapedType>(global.getType());
  auto view = dyn_cast_or_null<ViewAttr>(global.getValueAttr());
  if (view && weightScheme(view.getOf()) && !hasAssignment(global))
    return badInput("@", global.getSymName().str(),
                    ": its groups are scattered over the columns (act-order), "
                    "so its codes cannot be moved to another file; quantize "
                    "the float model, or give --allow-requantize");
  DType dtype = floatDType(type.getElementType());
  if (std::optional<GgufType> assigned = assignedGgufType(global))
    dtype = *assigned == GgufType::F32    ? DType::F32
            : *assigned == GgufType::BF16 ? DType::BF16
                                          : DType::F16;
  weight.tensors = {
      {weight.name, dtype, {type.getShape().begin(), type.getShape().end()}}};
  return {};
}

Status Planner::addQuantized(CheckpointWeight &weight,
                             SchemeAttrInterface scheme) {
  ml_program::GlobalOp global = weight.global;
  std::string symbol = "@" + global.getSymName().str();
  auto grouped = dyn_cast<GroupedAttr>(scheme);
  if (!grouped)
    return badInput(symbol, " is ", scheme.mnemonicName(),
                    ", which only GGUF files hold; quantize to int2 … int8 "
                    "for --format ",
                    kind.name);
  if (!weight.linear || weight.id.role == WeightRole::Embedding)
    return badInput(symbol, " is quantized, but ", kind.name,
                    " checkpoints hold embeddings as floats; give it a float "
                    "type, as --token-embedding-type f16");
  weight.scheme = grouped.getScheme();
  weight.layout = kind.layout(*global.getContext(), plan.zeros);
  if (Status status =
          kind.supports(*weight.scheme, weight.rows, weight.columns);
      !status)
    return makeError(status.error().kind, symbol, ": ", status.error().message);
  for (const Component &component :
       weight.layout.components(scheme, weight.rows, weight.columns))
    weight.tensors.push_back(
        {weight.module + "." + std::string(component.suffix), component.type,
         component.shape});
  return {};
}

Status Planner::add(ml_program::GlobalOp global, bool linear) {
  std::string symbol = global.getSymName().str();
  std::optional<WeightId> id = findWeight(symbol);
  auto type = dyn_cast<ShapedType>(global.getType());
  if (!id)
    return badInput("@", symbol, " has no place in a ", kind.name,
                    " checkpoint; only a model as qopt import makes it can be "
                    "exported");
  if (!type || !type.hasStaticShape() || type.getRank() < 1 ||
      type.getRank() > 2)
    return badInput("@", symbol, " is no matrix or vector");
  CheckpointWeight weight;
  weight.global = global;
  weight.id = *id;
  weight.name = id->huggingFace(family);
  weight.module = moduleName(weight.name);
  weight.linear = linear;
  weight.rows = type.getDimSize(0);
  weight.columns = type.getShape().back();
  SchemeAttrInterface scheme = weightScheme(type);
  if (!scheme)
    scheme = assignedScheme(global);
  QOPT_CHECK(scheme ? addQuantized(weight, scheme) : addFloat(weight));
  plan.weights.push_back(std::move(weight));
  return {};
}

Result<CheckpointPlan> CheckpointPlan::make(ModuleOp module,
                                            CheckpointFormat format,
                                            GptqZeros zeros) {
  const Architecture &family = familyOf(module);
  QOPT_CHECK(checkOrigin(module, family));
  QOPT_ASSIGN(std::vector<ml_program::GlobalOp> linears,
              linearWeights(module, /*includeHead=*/true));
  DenseSet<Operation *> linear(linears.begin(), linears.end());
  Planner planner(family, format, zeros);
  for (auto global : module.getOps<ml_program::GlobalOp>())
    QOPT_CHECK(planner.add(global, linear.contains(global)));
  return std::move(planner).finish();
}

std::vector<GroupedScheme> CheckpointPlan::schemes() const {
  std::vector<std::pair<GroupedScheme, int64_t>> counts;
  for (const CheckpointWeight &weight : weights) {
    if (!weight.scheme)
      continue;
    auto found = std::ranges::find(counts, *weight.scheme,
                                   &std::pair<GroupedScheme, int64_t>::first);
    if (found == counts.end())
      counts.emplace_back(*weight.scheme, 1);
    else
      ++found->second;
  }
  if (!counts.empty()) {
    auto most = std::ranges::max_element(
        counts, {}, &std::pair<GroupedScheme, int64_t>::second);
    std::rotate(counts.begin(), most, most + 1);
  }
  std::vector<GroupedScheme> result;
  result.reserve(counts.size());
  for (const auto &[scheme, count] : counts)
    result.push_back(scheme);
  return result;
}

const CheckpointWeight *CheckpointPlan::find(WeightRole role,
                                             int64_t layer) const {
  for (const CheckpointWeight &weight : weights)
    if (weight.id.role == role && weight.id.layer == layer)
      return &weight;
  return nullptr;
}

Status qopt::detail::checkZerosFitV1(const CheckpointPlan &plan,
                                     SourceFiles &files) {
  for (const CheckpointWeight &weight : plan.weights) {
    ml_program::GlobalOp global = weight.global;
    if (!weight.scheme || weight.scheme->symmetric ||
        !weightScheme(global.getType()))
      continue;
    QOPT_ASSIGN(WeightSource source, WeightSource::open(global, files));
    GptqLayout v1{*weight.scheme, weight.rows, weight.columns};
    if (!v1.holdsZeros(source.schemeComponents()[2]))
      return usageError("@", global.getSymName().str(),
                        ": some zero points are 0, which version 1 of the GPTQ "
                        "format cannot hold; leave out --gptq-zeros v1, or "
                        "quantize with --symmetric");
  }
  return {};
}

static Result<WeightBytes> floatBytes(const CheckpointWeight &weight,
                                      const WeightSource &source) {
  DType stored = floatDType(source.type().getElementType());
  DType wanted = weight.tensors.front().dtype;
  WeightBytes bytes(1);
  if (stored == wanted && !source.isView()) {
    ByteSpan whole = source.components().front();
    bytes[0].assign(whole.begin(), whole.end());
    return bytes;
  }
  QOPT_ASSIGN(std::vector<float> values, source.readAll());
  bytes[0].resize(values.size() * byteSize(wanted));
  encodeFromF32(wanted, values.data(), bytes[0].data(), values.size());
  return bytes;
}

Result<WeightBytes>
qopt::detail::checkpointBytes(const CheckpointWeight &weight,
                              SourceFiles &files) {
  ml_program::GlobalOp global = weight.global;
  QOPT_ASSIGN(WeightSource source, WeightSource::open(global, files));
  if (!weight.scheme)
    return floatBytes(weight, source);
  if (!weightScheme(source.type()))
    return internalError("@", global.getSymName().str(),
                         " was to be quantized before it is exported");
  WeightBytes bytes;
  for (const SafetensorsDeclaration &tensor : weight.tensors)
    bytes.emplace_back(Component{"", tensor.dtype, tensor.shape}.bytes());
  std::vector<std::span<uint8_t>> target(bytes.begin(), bytes.end());
  LayoutAttrInterface(weight.layout)
      .pack(weightScheme(source.type()), weight.rows, weight.columns,
            source.schemeComponents(), target);
  source.release();
  return bytes;
}
