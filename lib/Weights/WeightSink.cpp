//===- WeightSink.cpp - where a pass puts the weights it makes -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Weights/WeightSink.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/IO/Hash.h"
#include "qopt/Weights/WeightLoads.h"

#include "mlir/IR/SymbolTable.h"

#include <set>

using namespace mlir;
using namespace qopt;

WeightBytes qopt::groupedBytes(const GroupedMatrix &matrix) {
  int64_t rowBytes = matrix.scheme.packedRowBytes(matrix.columns);
  WeightBytes bytes(matrix.scheme.symmetric ? 2 : 3);
  bytes[0].resize(matrix.rows * rowBytes);
  for (int64_t row = 0; row < matrix.rows; ++row)
    packCodes(
        std::span(matrix.codes).subspan(row * matrix.columns, matrix.columns),
        matrix.scheme.bits, bytes[0].data() + row * rowBytes);
  auto *scales = reinterpret_cast<const uint8_t *>(matrix.scales.data());
  bytes[1].assign(scales, scales + matrix.scales.size() * sizeof(uint16_t));
  if (!matrix.scheme.symmetric)
    bytes[2] = matrix.zeros;
  return bytes;
}

GroupedMatrix qopt::groupedMatrix(const GroupedScheme &scheme, int64_t rows,
                                  int64_t columns,
                                  ArrayRef<ByteSpan> components) {
  GroupedMatrix matrix(scheme, rows, columns);
  int64_t rowBytes = scheme.packedRowBytes(columns);
  for (int64_t row = 0; row < rows; ++row)
    unpackCodes(components[0].data() + row * rowBytes, scheme.bits,
                std::span(matrix.codes).subspan(row * columns, columns));
  std::memcpy(matrix.scales.data(), components[1].data(), components[1].size());
  if (!scheme.symmetric)
    std::memcpy(matrix.zeros.data(), components[2].data(),
                components[2].size());
  return matrix;
}

namespace {
std::string archiveName(StringRef symbol, const Component &component) {
  std::string name = symbol.str();
  if (!component.suffix.empty())
    name += "." + std::string(component.suffix);
  return name;
}

/// The key under which the module knows the archive, or a new one. One file has
/// many spellings: `./a`, `b/../a`, a link.
std::string sourceKey(DictionaryAttr sources, StringRef path,
                      const SourceFiles &files) {
  std::string archive = files.resolve(path);
  if (sources)
    for (NamedAttribute source : sources)
      if (auto file = dyn_cast<FileAttr>(source.getValue())) {
        std::string known = files.resolve(file.getPath());
        if (known == archive || !checkOutputIsNoInput(archive, {{known}}))
          return source.getName().str();
      }
  for (int suffix = 0;; ++suffix) {
    std::string key =
        suffix == 0 ? "weights" : "weights" + std::to_string(suffix);
    if (!sources || !sources.contains(key))
      return key;
  }
}

/// What a global reads from a file, below its views; both null if nothing.
struct Reference {
  ExternAttr tensor;
  ShapedType type;

  explicit Reference(ml_program::GlobalOp global) {
    Attribute value = global.getValueAttr();
    auto shaped = dyn_cast<ShapedType>(global.getType());
    if (auto view = dyn_cast_or_null<ViewAttr>(value)) {
      value = view.getBase();
      shaped = view.getOf();
    }
    tensor = dyn_cast_or_null<ExternAttr>(value);
    type = tensor ? shaped : ShapedType();
  }

  bool isIn(StringRef source) const {
    return tensor && type && tensor.getSource() == source;
  }
};
} // namespace

struct WeightSink::State {
  ModuleOp module;
  std::vector<PlannedWeight> weights;
  std::string archivePath; // as the module names it
  std::string sourceKey;
  std::optional<SafetensorsWriter> archive;
  std::mutex mutex;
  DenseMap<Operation *, WeightBytes> inlined;

  const PlannedWeight *find(ml_program::GlobalOp global) const {
    for (const PlannedWeight &weight : weights)
      if (weight.global == global)
        return &weight;
    return nullptr;
  }
  Attribute inlineValue(const PlannedWeight &weight);
  void replace(const PlannedWeight &weight, Attribute value);
};

WeightSink::WeightSink(std::unique_ptr<State> state)
    : state(std::move(state)) {}
WeightSink::WeightSink(WeightSink &&) noexcept = default;
WeightSink &WeightSink::operator=(WeightSink &&) noexcept = default;
WeightSink::~WeightSink() = default;

Result<WeightSink> WeightSink::create(ModuleOp module,
                                      std::vector<PlannedWeight> weights,
                                      StringRef archivePath,
                                      SourceFiles &files) {
  auto state = std::make_unique<State>();
  state->module = module;
  state->weights = std::move(weights);
  state->archivePath = archivePath.str();

  std::vector<SafetensorsDeclaration> declarations;
  std::set<std::string> declared;
  for (PlannedWeight &weight : state->weights) {
    if (weight.isInline)
      continue;
    for (const Component &component : weightComponents(weight.type)) {
      std::string name = archiveName(weight.global.getSymName(), component);
      declared.insert(name);
      declarations.push_back({name, component.type, component.shape});
    }
  }
  if (declarations.empty())
    return WeightSink(std::move(state));
  if (archivePath.empty())
    return usageError("weights that come from a file go to an archive, but no "
                      "archive is named: give -o, or the pass option "
                      "archive=PATH");

  auto sources = module->getAttrOfType<DictionaryAttr>(QOptDialect::kSources);
  state->sourceKey = sourceKey(sources, archivePath, files);
  // Archives hold no floats: a file that does is somebody's checkpoint.
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    Reference reference(global);
    if (reference.isIn(state->sourceKey) &&
        isa<RankedTensorType>(reference.type))
      return usageError(
          files.resolve(archivePath), ": is also where the float weight @",
          global.getSymName().str(), " is read from; name another archive");
  }
  // What other globals refer to in an archive of the same name is kept.
  std::vector<std::pair<std::string, ByteSpan>> carried;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    Reference reference(global);
    if (!reference.isIn(state->sourceKey) || state->find(global))
      continue;
    for (const Component &component : weightComponents(reference.type)) {
      std::string name = archiveName(reference.tensor.getTensor(), component);
      if (!declared.insert(name).second)
        continue;
      QOPT_ASSIGN(StoredTensor tensor,
                  files.find(sources.getAs<FileAttr>(state->sourceKey), name));
      declarations.push_back({name, component.type, component.shape});
      carried.emplace_back(name, tensor.bytes);
    }
  }
  QOPT_ASSIGN(state->archive,
              SafetensorsWriter::create(files.resolve(archivePath),
                                        std::move(declarations), {},
                                        /*overwrite=*/true));
  for (auto &[name, bytes] : carried)
    QOPT_CHECK(state->archive->write(name, bytes));
  return WeightSink(std::move(state));
}

Status WeightSink::store(ml_program::GlobalOp global, WeightBytes bytes) {
  const PlannedWeight *weight = state->find(global);
  if (!weight)
    return internalError("@", global.getSymName().str(), " was not planned");
  std::vector<Component> components = weightComponents(weight->type);
  for (auto [component, part] : llvm::zip_equal(components, bytes))
    if (int64_t(part.size()) != component.bytes())
      return internalError("@", global.getSymName().str(), ": component '",
                           component.suffix, "' has ", part.size(),
                           " bytes instead of ", component.bytes());
  if (weight->isInline) {
    std::lock_guard lock(state->mutex);
    state->inlined[global] = std::move(bytes);
    return {};
  }
  for (auto [component, part] : llvm::zip_equal(components, bytes))
    QOPT_CHECK(state->archive->write(
        archiveName(global.getSymName(), component), part));
  return {};
}

Attribute WeightSink::State::inlineValue(const PlannedWeight &weight) {
  MLIRContext *context = module.getContext();
  SmallVector<NamedAttribute> entries;
  std::vector<Component> components = weightComponents(weight.type);
  for (auto [component, part] :
       llvm::zip_equal(components, inlined[weight.global])) {
    auto type = RankedTensorType::get(
        component.shape, componentElementType(context, component.type));
    auto value = DenseElementsAttr::getFromRawBuffer(
        type,
        ArrayRef(reinterpret_cast<const char *>(part.data()), part.size()));
    if (component.suffix.empty())
      return value;
    entries.emplace_back(StringAttr::get(context, component.suffix), value);
  }
  return InlineAttr::get(context, DictionaryAttr::get(context, entries));
}

void WeightSink::State::replace(const PlannedWeight &weight, Attribute value) {
  ml_program::GlobalOp global = weight.global;
  global.setType(weight.type);
  global.setValueAttr(value);
  global->removeAttr(QOptDialect::kScheme);
  retypeLoads(module, global);
}

Status WeightSink::finish(SourceFiles &files) {
  MLIRContext *context = state->module.getContext();
  if (state->archive) {
    QOPT_CHECK(state->archive->finish());
    files.forget(state->archivePath);
    QOPT_ASSIGN(std::shared_ptr<const MappedFile> mapped,
                MappedFile::open(files.resolve(state->archivePath)));
    QOPT_ASSIGN(std::string hash, fileHash(*mapped));
    NamedAttrList sources(
        state->module->getAttrOfType<DictionaryAttr>(QOptDialect::kSources));
    sources.set(state->sourceKey, FileAttr::get(context, state->archivePath,
                                                mapped->size(), hash));
    state->module->setAttr(QOptDialect::kSources,
                           sources.getDictionary(context));
  }
  for (const PlannedWeight &weight : state->weights) {
    ml_program::GlobalOp global = weight.global;
    Attribute value = weight.isInline
                          ? state->inlineValue(weight)
                          : Attribute(ExternAttr::get(context, state->sourceKey,
                                                      global.getSymName()));
    state->replace(weight, value);
  }
  return {};
}
