//===- GgufTensors.cpp - the weights of a module as GGUF tensors ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufTensors.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Formats/GroupedBlocks.h"
#include "qopt/Numerics/GgufEncode.h"
#include "qopt/Transforms/Importance.h"

#include "mlir/IR/SymbolTable.h"

#include <cstring>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

namespace {

/// What a plan is made from.
struct Planner {
  const GgufModel &model;
  std::optional<GgufType> floatType;
  SymbolTable symbols;
  llvm::StringMap<float> normOffsets;
  std::vector<GgufWeight> weights;
  DenseSet<Operation *> placed;

  /// A missing weight is an error unless models may lack it. What experts have
  /// each is added as one tensor.
  Status add(const WeightId &id);

private:
  Result<GgufWeight> plan(const WeightId &id, ml_program::GlobalOp global);
};

/// What llm.rms_norm adds to the weight of each symbol.
llvm::StringMap<float> findNormOffsets(ModuleOp module) {
  llvm::StringMap<float> offsets;
  module.walk([&](llm::RmsNormOp norm) {
    auto load = norm.getWeight().getDefiningOp<ml_program::GlobalLoadConstOp>();
    if (load && norm.getOffset())
      offsets[load.getGlobal().getLeafReference().getValue()] =
          norm.getOffset()->convertToFloat();
  });
  return offsets;
}

GgufType floatTypeOf(Type elementType) {
  if (elementType.isF32())
    return GgufType::F32;
  return elementType.isBF16() ? GgufType::BF16 : GgufType::F16;
}

Result<GgufType> tensorType(ml_program::GlobalOp global,
                            std::optional<GgufType> floats) {
  auto type = cast<ShapedType>(global.getType());
  if (type.getRank() == 1)
    return GgufType::F32;
  SchemeAttrInterface scheme = weightScheme(type);
  if (!scheme) {
    if (std::optional<GgufType> assigned = assignedGgufType(global))
      return *assigned;
    auto view = dyn_cast_or_null<ViewAttr>(global.getValueAttr());
    if (view && weightScheme(view.getOf()))
      return badInput("its groups are scattered over the columns (act-order, "
                      "g_idx), and the blocks of no GGUF type hold such "
                      "groups; quantize the float model, or quantize this one "
                      "again with qopt quantize --allow-requantize");
    return floats.value_or(floatTypeOf(type.getElementType()));
  }
  if (auto gguf = dyn_cast<GgufAttr>(scheme))
    return gguf.getFormat();
  if (auto grouped = dyn_cast<GroupedAttr>(scheme))
    return blockTypeOf(grouped.getScheme(), type.getDimSize(1));
  return badInput("no GGUF type holds scheme '", scheme.mnemonicName(), "'");
}

bool isOptional(WeightRole role) {
  switch (role) {
  case WeightRole::QueryBias:
  case WeightRole::KeyBias:
  case WeightRole::ValueBias:
  case WeightRole::AttentionOutputBias:
  case WeightRole::GateBias:
  case WeightRole::UpBias:
  case WeightRole::DownBias:
  case WeightRole::Head: // tied to the embedding
    return true;
  default:
    return false;
  }
}

/// Heads whose rows the role holds, 0 for other weights.
int64_t rotatedHeads(WeightRole role, const GgufModel &model) {
  if (role == WeightRole::Query || role == WeightRole::QueryBias)
    return model.config.heads;
  if (role == WeightRole::Key || role == WeightRole::KeyBias)
    return model.config.kvHeads;
  return 0;
}

tl::unexpected<Error> at(ml_program::GlobalOp global, const Error &error) {
  return makeError(error.kind, "@", global.getSymName().str(), ": ",
                   error.message);
}

} // namespace

Result<GgufWeight> Planner::plan(const WeightId &id,
                                 ml_program::GlobalOp global) {
  auto type = dyn_cast<ShapedType>(global.getType());
  if (!type || !type.hasStaticShape() || type.getRank() < 1 ||
      type.getRank() > 2)
    return badInput("@", id.symbol(), " is no matrix or vector");
  auto tensor = tensorType(global, floatType);
  if (!tensor)
    return at(global, tensor.error());
  // Small, and it decides where tokens go: never less than f32.
  if (id.role == WeightRole::Router && !weightScheme(type))
    tensor = GgufType::F32;
  GgufWeight weight{{global}, {id.gguf(), *tensor, {}}};
  for (int64_t extent : llvm::reverse(type.getShape()))
    weight.declaration.dims.push_back(extent);
  int64_t heads = model.reordersHeads ? rotatedHeads(id.role, model) : 0;
  int64_t headDim = model.config.headDim;
  if (heads > 0) {
    if (type.getDimSize(0) != heads * headDim)
      return badInput("@", id.symbol(), " has ", type.getDimSize(0),
                      " rows, but ", heads, " heads of ", headDim,
                      " channels need ", heads * headDim);
    weight.headDim = headDim;
  }
  weight.offset = normOffsets.lookup(id.symbol());
  return weight;
}

Status Planner::add(const WeightId &id) {
  int64_t experts = id.isExpert() ? model.config.experts : 1;
  for (int64_t expert = 0; expert < experts; ++expert) {
    WeightId each{id.role, id.layer, expert};
    auto global = symbols.lookup<ml_program::GlobalOp>(each.symbol());
    if (!global) {
      if (isOptional(id.role))
        return {};
      return badInput("the module has no weight @", each.symbol(),
                      "; only a model as qopt import makes it can be exported");
    }
    QOPT_ASSIGN(GgufWeight weight, plan(each, global));
    placed.insert(global);
    if (expert == 0) {
      weights.push_back(std::move(weight));
      continue;
    }
    GgufWeight &first = weights.back();
    if (weight.declaration.type != first.declaration.type ||
        weight.declaration.dims != first.declaration.dims)
      return badInput("@", each.symbol(), " differs in type or shape from @",
                      WeightId{id.role, id.layer}.symbol(),
                      "; a GGUF file holds them in one tensor");
    first.globals.push_back(global);
  }
  if (id.isExpert())
    weights.back().declaration.dims.push_back(experts);
  return {};
}

Result<std::vector<GgufWeight>>
qopt::detail::planTensors(ModuleOp module, const GgufModel &model,
                          std::optional<GgufType> floatType) {
  Planner planner{
      model, floatType, SymbolTable(module), findNormOffsets(module), {}, {}};
  ModelConfig config = model.config;
  config.queryKeyValueBias = config.outputBias = config.mlpBias = true;
  QOPT_CHECK(planner.add({WeightRole::Embedding}));
  for (int64_t layer = 0; layer < config.layers; ++layer)
    for (WeightRole role : config.blockRoles())
      QOPT_CHECK(planner.add({role, layer}));
  QOPT_CHECK(planner.add({WeightRole::OutputNorm}));
  QOPT_CHECK(planner.add({WeightRole::Head}));
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (!planner.placed.contains(global))
      return badInput("@", global.getSymName().str(),
                      " has no place in a GGUF file of the ",
                      model.architecture(), " architecture");
  return std::move(planner.weights);
}

/// Rows as the file has them, see ExportGguf.h.
static std::vector<uint8_t> reorderHeads(const std::vector<uint8_t> &rows,
                                         int64_t rowCount, int64_t headDim) {
  std::vector<uint8_t> result(rows.size());
  int64_t rowBytes = int64_t(rows.size()) / rowCount;
  for (int64_t row = 0; row < rowCount; ++row) {
    int64_t inHead = row % headDim;
    int64_t from = row - inHead + inHead % 2 * (headDim / 2) + inHead / 2;
    std::memcpy(result.data() + row * rowBytes, rows.data() + from * rowBytes,
                rowBytes);
  }
  return result;
}

Result<GgufPart> GgufPart::open(const GgufWeight &weight, size_t index,
                                const ImportanceMatrix *importance,
                                SourceFiles &files) {
  ml_program::GlobalOp global = weight.globals[index];
  auto source = WeightSource::open(global, files);
  if (!source)
    return at(global, source.error());
  GgufPart part(weight, global, std::move(*source));
  if (importance && !part.keepsBytes()) {
    TensorPlace place{weight.declaration.name, int64_t(index),
                      int64_t(weight.globals.size())};
    auto weights = matrixWeights(*importance, place, part.columns());
    if (!weights)
      return at(global, weights.error());
    part.importance = std::move(*weights);
  }
  return part;
}

/// Whether the file holds the bytes of the module.
bool GgufPart::keepsBytes() const {
  ShapedType type = source.type();
  SchemeAttrInterface scheme = weightScheme(type);
  return isa_and_nonnull<GgufAttr>(scheme) ||
         (!scheme && !source.isView() && weight->offset == 0 &&
          floatTypeOf(type.getElementType()) == weight->declaration.type);
}

/// Whether all rows must be made at once: those of a view may lie anywhere, and
/// groups are unpacked as a matrix.
bool GgufPart::isWhole() const {
  return rows() == 1 || source.isView() ||
         isa_and_nonnull<GroupedAttr>(weightScheme(source.type()));
}

int64_t GgufPart::rowsAtOnce(int64_t weights) const {
  if (isWhole())
    return rows();
  // Reordering stays inside of a head, and encoding takes 32 rows at a time.
  int64_t unit = std::max<int64_t>(32, weight->headDim);
  return std::max<int64_t>(1, weights / columns() / unit) * unit;
}

int64_t GgufPart::inputBytes(int64_t count) const {
  int64_t bytes = 0;
  for (ByteSpan component : source.components())
    bytes += int64_t(component.size());
  return source.isInline() ? 0 : bytes / rows() * count;
}

Status GgufPart::load(int64_t first, int64_t count) const {
  auto loaded = source.load(first, count);
  return loaded ? loaded : at(global, loaded.error());
}

Result<GgufBytes> GgufPart::natural(int64_t first, int64_t count,
                                    QuantizationContext &services) const {
  if (keepsBytes()) {
    ByteSpan all = source.schemeComponents().front();
    size_t rowBytes = all.size() / rows();
    ByteSpan bytes = all.subspan(first * rowBytes, count * rowBytes);
    return GgufBytes{{bytes.begin(), bytes.end()}};
  }
  if (weightScheme(source.type())) {
    QOPT_ASSIGN(GroupedMatrix matrix, readGrouped(source));
    QOPT_ASSIGN(GroupedBlocks packed, packGroupedBlocks(matrix));
    return GgufBytes{std::move(packed.blocks), packed.largestError};
  }
  const float offset = weight->offset;
  QOPT_ASSIGN(std::vector<uint8_t> bytes,
              encodeBlocks(
                  *findFormat(weight->declaration.type), count, columns(),
                  [&](int64_t row, MutableMatrix target) -> Status {
                    if (services.progress().stopped())
                      return makeError(ErrorKind::Interrupted, "stopped");
                    QOPT_CHECK(source.readRows(row, target));
                    if (offset != 0)
                      for (int64_t r = 0; r < target.rows; ++r)
                        for (int64_t i = 0; i < target.columns; ++i)
                          target(r, i) += offset;
                    return {};
                  },
                  services.compute().pool, importance, first));
  return GgufBytes{std::move(bytes)};
}

Result<GgufBytes> GgufPart::bytes(int64_t first, int64_t count,
                                  QuantizationContext &services) const {
  auto result = natural(first, count, services);
  if (!result && result.error().kind == ErrorKind::Interrupted)
    return makeError(ErrorKind::Interrupted, "stopped; nothing was written");
  if (!result)
    return at(global, result.error());
  if (weight->headDim > 0) // a bias has one channel per row
    result->bytes = reorderHeads(result->bytes, rows() == 1 ? columns() : count,
                                 weight->headDim);
  return result;
}
