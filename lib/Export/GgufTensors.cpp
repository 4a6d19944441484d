//===- GgufTensors.cpp - the weights of a module as GGUF tensors
//-------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufTensors.h"

#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Formats/GroupedBlocks.h"
#include "qopt/Numerics/GgufEncode.h"

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
  std::vector<GgufWeight> weights;
  DenseSet<Operation *> placed;

  /// A missing weight is an error unless models may lack it.
  Status add(const WeightId &id);
};

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
  case WeightRole::QueryNorm:
  case WeightRole::KeyNorm:
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
    return model.heads;
  if (role == WeightRole::Key || role == WeightRole::KeyBias)
    return model.kvHeads;
  return 0;
}

tl::unexpected<Error> at(ml_program::GlobalOp global, const Error &error) {
  return makeError(error.kind, "@", global.getSymName().str(), ": ",
                   error.message);
}

} // namespace

Status Planner::add(const WeightId &id) {
  auto global = symbols.lookup<ml_program::GlobalOp>(id.symbol());
  if (!global) {
    if (isOptional(id.role))
      return {};
    return badInput("the module has no weight @", id.symbol(),
                    "; only a model as qopt import makes it can be exported");
  }
  auto type = dyn_cast<ShapedType>(global.getType());
  if (!type || !type.hasStaticShape() || type.getRank() < 1 ||
      type.getRank() > 2)
    return badInput("@", id.symbol(), " is no matrix or vector");
  auto tensor = tensorType(global, floatType);
  if (!tensor)
    return at(global, tensor.error());
  GgufWeight weight{global, {id.gguf(), *tensor, {}}};
  for (int64_t extent : llvm::reverse(type.getShape()))
    weight.declaration.dims.push_back(extent);
  int64_t heads = model.reordersHeads ? rotatedHeads(id.role, model) : 0;
  if (heads > 0) {
    if (type.getDimSize(0) != heads * model.headDim)
      return badInput("@", id.symbol(), " has ", type.getDimSize(0),
                      " rows, but ", heads, " heads of ", model.headDim,
                      " channels need ", heads * model.headDim);
    weight.headDim = model.headDim;
  }
  placed.insert(global);
  weights.push_back(std::move(weight));
  return {};
}

Result<std::vector<GgufWeight>>
qopt::detail::planTensors(ModuleOp module, const GgufModel &model,
                          std::optional<GgufType> floatType) {
  Planner planner{model, floatType, SymbolTable(module), {}, {}};
  QOPT_CHECK(planner.add({WeightRole::Embedding}));
  for (int64_t layer = 0; layer < model.layers; ++layer)
    for (int role = int(WeightRole::AttentionNorm);
         role < int(WeightRole::OutputNorm); ++role)
      QOPT_CHECK(planner.add({WeightRole(role), layer}));
  QOPT_CHECK(planner.add({WeightRole::OutputNorm}));
  QOPT_CHECK(planner.add({WeightRole::Head}));
  for (auto global : module.getOps<ml_program::GlobalOp>())
    if (!planner.placed.contains(global))
      return badInput("@", global.getSymName().str(),
                      " has no place in a GGUF file of the ",
                      model.architecture, " architecture");
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

static Result<GgufBytes> naturalBytes(const WeightSource &source,
                                      const GgufDeclaration &tensor,
                                      const ImportanceMatrix *importance,
                                      ThreadPool &pool) {
  const GgufType target = tensor.type;
  ShapedType type = source.type();
  SchemeAttrInterface scheme = weightScheme(type);
  bool stored = isa_and_nonnull<GgufAttr>(scheme) ||
                (!scheme && !source.isView() &&
                 floatTypeOf(type.getElementType()) == target);
  if (stored) {
    ByteSpan bytes = source.schemeComponents().front();
    return GgufBytes{{bytes.begin(), bytes.end()}};
  }
  if (scheme) {
    QOPT_ASSIGN(GroupedMatrix matrix, readGrouped(source));
    QOPT_ASSIGN(GroupedBlocks packed, packGroupedBlocks(matrix));
    return GgufBytes{std::move(packed.blocks), packed.largestError};
  }
  std::vector<float> columnWeights;
  if (importance) {
    int64_t matrices = tensor.dims.size() > 2 ? tensor.dims[2] : 1;
    QOPT_ASSIGN(columnWeights,
                importance->weightsOf(tensor.name, source.columns(), matrices));
  }
  QOPT_ASSIGN(std::vector<uint8_t> bytes,
              encodeBlocks(
                  *findFormat(target), source.rows(), source.columns(),
                  [&](int64_t first, MutableMatrix rows) {
                    return source.readRows(first, rows);
                  },
                  pool, columnWeights));
  return GgufBytes{std::move(bytes)};
}

Result<GgufBytes> qopt::detail::tensorBytes(const GgufWeight &weight,
                                            const ImportanceMatrix *importance,
                                            SourceFiles &files,
                                            ThreadPool &pool) {
  auto source = WeightSource::open(weight.global, files);
  if (!source)
    return at(weight.global, source.error());
  auto result = naturalBytes(*source, weight.declaration, importance, pool);
  if (!result)
    return at(weight.global, result.error());
  source->release();
  if (weight.headDim > 0)
    result->bytes = reorderHeads(result->bytes, weight.declaration.dims.back(),
                                 weight.headDim);
  return result;
}
