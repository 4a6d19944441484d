//===- WeightSource.cpp - the numbers of a weight, wherever they lie -----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Weights/WeightSource.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Weights/WeightSink.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace qopt;

namespace {

/// What opening a value needs to know besides the value.
struct Opening {
  ml_program::GlobalOp global;
  SourceFiles &files;

  std::string name() const {
    return "@" + ml_program::GlobalOp(global).getSymName().str();
  }
};

/// No model has a larger weight, and byte counts below it cannot overflow.
constexpr int64_t kMaxElements = int64_t(1) << 48;
/// A splat is a few bytes in its file, whatever its type says.
constexpr int64_t kMaxSplatBytes = int64_t(1) << 30;

bool hasPlausibleExtents(ShapedType type) {
  int64_t count = 1;
  for (int64_t extent : type.getShape()) {
    if (extent < 1 || count > kMaxElements / extent)
      return false;
    count *= extent;
  }
  return true;
}

/// The raw bytes of an elements attribute of exactly `expected` bytes; a splat
/// is written out into `storage`.
Result<ByteSpan> rawBytes(const Opening &opening, Attribute attribute,
                          int64_t expected,
                          std::vector<std::vector<uint8_t>> &storage) {
  ArrayRef<char> raw;
  if (auto dense = dyn_cast<DenseElementsAttr>(attribute)) {
    raw = dense.getRawData();
    if (dense.isSplat() && int64_t(raw.size()) < expected &&
        expected % raw.size() == 0) {
      if (expected > kMaxSplatBytes)
        return badInput(opening.name(), ": a splat of ", expected,
                        " bytes is too large to be written out");
      std::vector<uint8_t> &filled = storage.emplace_back();
      filled.reserve(expected);
      while (int64_t(filled.size()) < expected)
        filled.insert(filled.end(), raw.begin(), raw.end());
      return ByteSpan(filled);
    }
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return badInput(opening.name(), ": resource '",
                      resource.getRawHandle().getKey().str(),
                      "' has no data in this file");
    raw = blob->getData();
  } else {
    return badInput(opening.name(), ": value is neither dense data nor a "
                                    "reference that qopt reads");
  }
  if (int64_t(raw.size()) != expected)
    return badInput(opening.name(), ": its value has ", raw.size(),
                    " bytes, but its type needs ", expected);
  return ByteSpan(reinterpret_cast<const uint8_t *>(raw.data()), raw.size());
}

template <typename Range> std::string shapeText(const Range &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

/// A component of a weight. Shards of a checkpoint end anywhere, also between
/// the components of a weight.
Result<StoredTensor> findInShards(SourceFiles &files, DictionaryAttr sources,
                                  FileAttr file, const std::string &name) {
  Result<StoredTensor> tensor = files.find(file, name);
  if (tensor)
    return tensor;
  for (NamedAttribute source : sources)
    if (auto other = dyn_cast<FileAttr>(source.getValue());
        other && other != file && !other.getPath().ends_with(".gguf"))
      if (Result<StoredTensor> elsewhere = files.find(other, name))
        return elsewhere;
  return tensor;
}

/// The tensor of a weight that is one of several in `tensor`; nothing if they
/// are not as many.
std::optional<StoredTensor> unstacked(StoredTensor tensor,
                                      ExternAttr reference) {
  if (!reference.isStacked())
    return tensor;
  int64_t count = reference.getCount();
  if (tensor.shape.size() < 2 || tensor.shape.front() != count)
    return std::nullopt;
  tensor.shape.erase(tensor.shape.begin());
  size_t each = tensor.bytes.size() / count;
  tensor.bytes = tensor.bytes.subspan(each * reference.getIndex(), each);
  return tensor;
}

/// One component of a weight in a file.
Result<ByteSpan> storedBytes(const Opening &opening, ExternAttr reference,
                             ShapedType type, const Component &component) {
  auto module = opening.global->getParentOfType<ModuleOp>();
  auto sources =
      module ? module->getAttrOfType<DictionaryAttr>(QOptDialect::kSources)
             : DictionaryAttr();
  auto file =
      sources ? sources.getAs<FileAttr>(reference.getSource()) : FileAttr();
  if (!file)
    return badInput(opening.name(), ": the module has no source '",
                    reference.getSource().str(), "'");
  bool gguf = file.getPath().ends_with(".gguf");
  std::string name = reference.getTensor().str();
  if (!component.suffix.empty() && !gguf)
    name += "." + std::string(component.suffix);
  QOPT_ASSIGN(StoredTensor whole,
              gguf || component.suffix.empty()
                  ? opening.files.find(file, name)
                  : findInShards(opening.files, sources, file, name));
  auto mismatch = [&](const auto &...parts) {
    return badInput(opening.files.resolve(file.getPath()), ": tensor '", name,
                    "' ", parts..., ", but ", opening.name(), " needs ",
                    shapeText(component.shape), " ", dtypeName(component.type));
  };
  std::optional<StoredTensor> found = unstacked(whole, reference);
  if (!found)
    return mismatch("is ", shapeText(whole.shape), ", not ",
                    reference.getCount(), " weights");
  const StoredTensor &tensor = *found;
  if (tensor.dtype) {
    if (*tensor.dtype != component.type || tensor.shape != component.shape)
      return mismatch("is ", shapeText(tensor.shape), " ",
                      dtypeName(*tensor.dtype));
  } else {
    auto scheme = dyn_cast_or_null<GgufAttr>(weightScheme(type));
    std::string_view expected =
        scheme ? scheme.getRow().name
        : component.type == DType::F32
            ? "f32"
            : (component.type == DType::F16 ? "f16" : "bf16");
    if (tensor.gguf->name != expected ||
        ArrayRef<int64_t>(tensor.shape) != type.getShape())
      return mismatch("is ", shapeText(tensor.shape), " ", tensor.gguf->name);
  }
  if (int64_t(tensor.bytes.size()) != component.bytes())
    return mismatch("has ", tensor.bytes.size(), " bytes");
  return tensor.bytes;
}

WeightView::Axis viewAxis(Axis axis) {
  return axis == Axis::Rows ? WeightView::Axis::Rows
                            : WeightView::Axis::Columns;
}

void applyStep(WeightView &view, Attribute step) {
  if (isa<TransposeAttr>(step))
    view.transpose();
  else if (auto slice = dyn_cast<SliceAttr>(step))
    view.slice(viewAxis(slice.getAxis()), slice.getOffset(), slice.getSize());
  else if (auto permute = dyn_cast<PermuteAttr>(step))
    view.permute(viewAxis(permute.getAxis()), permute.getOrder().asArrayRef());
  else if (auto scale = dyn_cast<ScaleAttr>(step))
    view.scale(viewAxis(scale.getAxis()),
               llvm::to_vector(scale.getFactors().getValues<float>()));
  else if (auto clip = dyn_cast<ClipAttr>(step))
    view.clip(clip.getGroup(),
              llvm::to_vector(clip.getSteps().getValues<uint8_t>()));
}

} // namespace

/// That a view of a quantized weight only permutes its rows.
static Status checkMovesRows(const Opening &opening, ShapedType type,
                             ViewAttr view) {
  auto movesRows = [](Attribute step) {
    auto permute = dyn_cast<PermuteAttr>(step);
    return permute && permute.getAxis() == Axis::Rows;
  };
  ShapedType of = view.getOf();
  if (isa<QuantType>(type) && weightScheme(of) == weightScheme(type) &&
      of.getElementType() == type.getElementType() &&
      llvm::all_of(view.getSteps(), movesRows))
    return {};
  return badInput(opening.name(),
                  ": a view is quantized only if its base has the same scheme "
                  "and nothing but its rows is permuted");
}

Result<WeightSource> WeightSource::open(ml_program::GlobalOp global,
                                        SourceFiles &files) {
  Opening opening{global, files};
  auto type = dyn_cast<ShapedType>(global.getType());
  if (!type || !type.hasStaticShape() || type.getRank() < 1 ||
      type.getRank() > 2)
    return badInput(opening.name(),
                    ": a weight is a static tensor of 1 or 2 dimensions");
  Attribute value = global.getValueAttr();
  if (!value)
    return badInput(opening.name(), ": has no value");

  ShapedType storedType = type;
  auto viewAttr = dyn_cast<ViewAttr>(value);
  if (viewAttr) {
    storedType = viewAttr.getOf();
    value = viewAttr.getBase();
    if (viewAttr.getResultShape() != type.getShape())
      return badInput(opening.name(), ": its views give ",
                      shapeText(viewAttr.getResultShape()),
                      ", but its type is ", shapeText(type.getShape()));
    if (weightScheme(type))
      QOPT_CHECK(checkMovesRows(opening, type, viewAttr));
  }
  if (!hasPlausibleExtents(type) || !hasPlausibleExtents(storedType))
    return badInput(opening.name(), ": a weight has 1 to 2^48 elements");
  bool matrix = storedType.getRank() == 2;
  WeightView view(matrix ? storedType.getDimSize(0) : 1,
                  storedType.getShape().back());
  if (viewAttr)
    for (Attribute step : viewAttr.getSteps())
      applyStep(view, step);

  WeightSource source(type, std::move(view));
  source.storedType = storedType;
  source.viewed = viewAttr != nullptr;
  source.inlined = !isa<ExternAttr>(value);
  source.owned = std::make_shared<std::vector<std::vector<uint8_t>>>();
  std::vector<Component> components = weightComponents(storedType);
  for (const Component &component : components) {
    if (auto reference = dyn_cast<ExternAttr>(value)) {
      QOPT_ASSIGN(ByteSpan bytes,
                  storedBytes(opening, reference, storedType, component));
      source.stored.push_back(bytes);
      continue;
    }
    Attribute data = value;
    if (auto inlined = dyn_cast<InlineAttr>(value))
      data = inlined.getComponents().get(component.suffix);
    if (!data)
      return badInput(opening.name(), ": its value lacks component '",
                      component.suffix, "'");
    QOPT_ASSIGN(ByteSpan bytes,
                rawBytes(opening, data, component.bytes(), *source.owned));
    source.stored.push_back(bytes);
  }
  source.inFile = source.inlined ? std::vector<ByteSpan>() : source.stored;
  source.unpackLayout();
  if (viewAttr && weightScheme(type))
    source.moveRows();
  return source;
}

/// The bytes of files in which rows lie.
std::vector<ByteSpan> WeightSource::storedRows(int64_t first,
                                               int64_t count) const {
  if (viewed || moved || isa<PackedType>(storedType))
    return inFile;
  std::vector<ByteSpan> result;
  for (ByteSpan bytes : inFile) {
    size_t rowBytes = bytes.size() / rows();
    result.push_back(bytes.subspan(first * rowBytes, count * rowBytes));
  }
  return result;
}

Status WeightSource::load(int64_t first, int64_t count) const {
  for (ByteSpan bytes : storedRows(first, count))
    QOPT_CHECK(readNow(bytes));
  return {};
}

void WeightSource::release(int64_t first, int64_t count) const {
  for (ByteSpan bytes : storedRows(first, count))
    doneReading(bytes);
}

/// Blocks of a GGUF type are decoded where they lie; any other layout is
/// brought back into the components of its scheme.
void WeightSource::unpackLayout() {
  decodable = stored;
  auto packed = dyn_cast<PackedType>(storedType);
  if (!packed || isa<BlocksAttr>(packed.getLayout()))
    return;
  std::vector<std::span<uint8_t>> target;
  std::vector<std::vector<uint8_t>> components;
  for (const Component &component :
       packed.getScheme().components(packed.getRows(), packed.getColumns()))
    components.emplace_back(component.bytes());
  target.assign(components.begin(), components.end());
  packed.getLayout().unpack(packed.getScheme(), packed.getRows(),
                            packed.getColumns(), stored, target);
  decodable.clear();
  for (std::vector<uint8_t> &component : components) {
    decodable.push_back(component);
    owned->push_back(std::move(component));
  }
}

/// What is left of the view is a quantized weight. Every component of a scheme
/// has the rows of its matrix.
void WeightSource::moveRows() {
  for (ByteSpan &component : decodable) {
    const size_t rowBytes = component.size() / rows();
    std::vector<uint8_t> &target = owned->emplace_back(component.size());
    for (auto [row, from] : llvm::enumerate(view.baseRows()))
      std::memcpy(target.data() + row * rowBytes,
                  component.data() + from * rowBytes, rowBytes);
    component = target;
  }
  stored = decodable;
  storedType = weightType;
  viewed = false;
  moved = true;
}

/// One row of a grouped matrix from packed codes.
static void decodeGroupedRow(const GroupedScheme &scheme, int64_t row,
                             int64_t columns,
                             const std::vector<ByteSpan> &components,
                             float *target) {
  GroupedMatrix one(scheme, 1, columns);
  int64_t rowBytes = scheme.packedRowBytes(columns), groups = one.groups();
  unpackCodes(components[0].data() + row * rowBytes, scheme.bits, one.codes);
  std::memcpy(one.scales.data(), components[1].data() + row * groups * 2,
              groups * 2);
  if (!scheme.symmetric)
    std::memcpy(one.zeros.data(), components[2].data() + row * groups, groups);
  one.dequantizeRow(0, target);
}

Status WeightSource::decodeRow(int64_t row, float *target) const {
  int64_t columns = storedType.getShape().back();
  SchemeAttrInterface scheme = weightScheme(storedType);
  if (auto grouped = dyn_cast_or_null<GroupedAttr>(scheme)) {
    decodeGroupedRow(grouped.getScheme(), row, columns, decodable, target);
  } else if (auto gguf = dyn_cast_or_null<GgufAttr>(scheme)) {
    const FormatRow &format = gguf.getRow();
    format.decode(decodable[0].data() + row * format.rowBytes(columns), target,
                  columns);
  } else {
    DType dtype = weightComponents(storedType).front().type;
    decodeToF32(dtype, decodable[0].data() + row * columns * byteSize(dtype),
                target, columns);
  }
  return {};
}

Status WeightSource::readRows(int64_t first, MutableMatrix target) const {
  if (viewed)
    return view.readRows(first, target, [&](int64_t row, float *values) {
      return decodeRow(row, values);
    });
  for (int64_t r = 0; r < target.rows; ++r)
    QOPT_CHECK(decodeRow(first + r, target.row(r)));
  return {};
}

Result<std::vector<float>> WeightSource::readAll() const {
  std::vector<float> values(rows() * columns());
  QOPT_CHECK(readRows(0, {values.data(), rows(), columns()}));
  return values;
}

Result<GroupedMatrix> qopt::readGrouped(const WeightSource &source) {
  auto scheme = dyn_cast_or_null<GroupedAttr>(weightScheme(source.type()));
  if (!scheme)
    return internalError("not a grouped weight");
  return groupedMatrix(scheme.getScheme(), source.rows(), source.columns(),
                       source.schemeComponents());
}
