//===- ModelWeights.cpp - weights as compiled code reads them -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/ModelWeights.h"

#include "qopt/Dialect/QOpt/QOptAttrs.h"
#include "qopt/IO/Safetensors.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/Diagnostics.h"

#include <iterator>
#include <mutex>

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// Rows of a block of the interleaved layout, as kernels take them.
static constexpr int64_t blockRows = 16;

Result<ml_program::GlobalOp> ModelWeights::find(StringRef symbol) const {
  auto global = ModuleOp(module).lookupSymbol<ml_program::GlobalOp>(symbol);
  if (!global)
    return badInput("the module has no global @", symbol.str());
  return global;
}

static GgufType rowTypeOf(Type element) {
  if (element.isF16())
    return GgufType::F16;
  return element.isBF16() ? GgufType::BF16 : GgufType::F32;
}

static std::vector<int64_t> shapeOf(ShapedType type) {
  return std::vector<int64_t>(type.getShape().begin(), type.getShape().end());
}

/// What the tensors of a use are called and look like.
static std::vector<WeightTensor> tensorsOf(const WeightUse &use,
                                           ShapedType type) {
  std::vector<WeightTensor> result;
  auto add = [&](std::string name, DType dtype, std::vector<int64_t> shape) {
    int64_t bytes = byteSize(dtype);
    for (int64_t extent : shape)
      bytes *= extent;
    result.push_back({std::move(name), dtype, std::move(shape), bytes});
  };
  switch (use.form) {
  case WeightUse::Form::Packed:
    for (const Component &component : use.packed.components())
      add(use.symbol + "." + std::string(component.suffix), component.type,
          component.shape);
    break;
  case WeightUse::Form::Rows: {
    const FormatRow &row = *findFormat(use.rowType);
    if (row.quantized)
      add(use.symbol + ".blocks", DType::U8,
          {type.getDimSize(0), row.rowBytes(type.getDimSize(1))});
    else
      add(use.symbol,
          use.rowType == GgufType::F16    ? DType::F16
          : use.rowType == GgufType::BF16 ? DType::BF16
                                          : DType::F32,
          shapeOf(type));
    break;
  }
  case WeightUse::Form::F32:
    add(use.symbol + ".f32", DType::F32, shapeOf(type));
    break;
  }
  return result;
}

Result<WeightUse> ModelWeights::use(WeightUse wantedUse, ShapedType type) {
  for (const WeightUse &known : uses)
    if (known.symbol == wantedUse.symbol && known.form == wantedUse.form)
      return known;
  wantedUse.firstTensor = wanted.size();
  for (WeightTensor &tensor : tensorsOf(wantedUse, type))
    wanted.push_back(std::move(tensor));
  uses.push_back(wantedUse);
  return wantedUse;
}

Result<WeightUse> ModelWeights::useInLinear(
    StringRef symbol, function_ref<bool(PackedType)> hasKernel, bool repack) {
  QOPT_ASSIGN(ml_program::GlobalOp global, find(symbol));
  auto type = cast<ShapedType>(global.getType());
  SchemeAttrInterface scheme = weightScheme(type);
  if (!scheme)
    return use({symbol.str(), WeightUse::Form::Rows, 0,
                rowTypeOf(type.getElementType()), nullptr},
               type);
  if (auto gguf = dyn_cast<GgufAttr>(scheme); gguf && !repack)
    return useAsRows(symbol);
  MLIRContext *context = ModuleOp(module).getContext();
  LayoutAttrInterface layout = InterleavedAttr::get(context, blockRows);
  ScopedDiagnosticHandler quiet(context, [](Diagnostic &) {});
  auto silent = [&] { return emitRemark(UnknownLoc::get(context)); };
  if (failed(layout.verifyLayout(silent, scheme, type.getDimSize(0),
                                 type.getDimSize(1))))
    return useAsF32(symbol);
  auto packed = PackedType::get(context, type.getShape(), type.getElementType(),
                                scheme, layout);
  if (!hasKernel(packed))
    return useAsF32(symbol);
  return use({symbol.str(), WeightUse::Form::Packed, 0, GgufType::F32, packed},
             type);
}

Result<WeightUse> ModelWeights::useAsRows(StringRef symbol) {
  QOPT_ASSIGN(ml_program::GlobalOp global, find(symbol));
  auto type = cast<ShapedType>(global.getType());
  SchemeAttrInterface scheme = weightScheme(type);
  GgufType row = rowTypeOf(type.getElementType());
  if (scheme) {
    auto gguf = dyn_cast<GgufAttr>(scheme);
    row = gguf ? gguf.getRow().type : GgufType::F32;
  }
  return use({symbol.str(), WeightUse::Form::Rows, 0, row, nullptr}, type);
}

Result<WeightUse> ModelWeights::useAsF32(StringRef symbol) {
  QOPT_ASSIGN(ml_program::GlobalOp global, find(symbol));
  return use({symbol.str(), WeightUse::Form::F32, 0, GgufType::F32, nullptr},
             cast<ShapedType>(global.getType()));
}

int64_t ModelWeights::totalBytes() const {
  int64_t sum = 0;
  for (const WeightTensor &tensor : wanted)
    sum += tensor.bytes;
  return sum;
}

static std::span<uint8_t> allocate(int64_t bytes,
                                   std::vector<std::shared_ptr<void>> &owned) {
  // Vectors of the layouts start at multiples of 64.
  std::shared_ptr<void> memory(std::aligned_alloc(64, (bytes + 127) / 64 * 64),
                               std::free);
  owned.push_back(memory);
  return {static_cast<uint8_t *>(memory.get()), size_t(bytes)};
}

/// Whole blocks of rows are matrices of their own, in the components of every
/// scheme as in those of the layout.
void ModelWeights::PackedRows::pack() const {
  const int64_t rows = type.getRows(),
                blocks = (rows + blockRows - 1) / blockRows,
                ofPart = (count + blockRows - 1) / blockRows;
  std::vector<ByteSpan> sourceRows;
  for (ByteSpan component : source->schemeComponents()) {
    const size_t bytes = component.size() / rows;
    sourceRows.push_back(component.subspan(first * bytes, count * bytes));
  }
  std::vector<std::span<uint8_t>> targetBlocks;
  for (std::span<uint8_t> component : target) {
    const size_t bytes = component.size() / blocks;
    targetBlocks.push_back(
        component.subspan(first / blockRows * bytes, ofPart * bytes));
  }
  type.getLayout().pack(type.getScheme(), count, type.getColumns(), sourceRows,
                        targetBlocks);
  source->release(first, count);
}

/// Decodes all rows and encodes them to `type`.
static Status encodeRows(const WeightSource &source, DType type,
                         std::span<uint8_t> target) {
  const int64_t columns = source.columns();
  const int64_t step = source.readsByRow()
                           ? std::max<int64_t>(1, (1 << 16) / columns)
                           : source.rows();
  std::vector<float> piece(step * columns);
  for (int64_t row = 0; row < source.rows(); row += step) {
    const int64_t rows = std::min(step, source.rows() - row);
    QOPT_CHECK(source.readRows(row, {piece.data(), rows, columns}));
    encodeFromF32(type, piece.data(),
                  target.data() + row * columns * byteSize(type),
                  rows * columns);
  }
  return {};
}

Status ModelWeights::make(const WeightUse &use, std::vector<ByteSpan> &tensors,
                          std::vector<std::shared_ptr<void>> &owned,
                          std::vector<PackedRows> &rest) const {
  QOPT_ASSIGN(ml_program::GlobalOp global, find(use.symbol));
  auto type = cast<ShapedType>(global.getType());
  QOPT_ASSIGN(WeightSource opened,
              WeightSource::open(global, services->files()));
  auto source = std::make_shared<WeightSource>(std::move(opened));
  std::vector<WeightTensor> wantedTensors = tensorsOf(use, type);

  if (use.form == WeightUse::Form::Packed) {
    auto packed = dyn_cast<PackedType>(type);
    if (packed && packed.getLayout() == use.packed.getLayout() &&
        !source->isView()) {
      tensors = source->components();
      owned.push_back(source);
      return {};
    }
    if (source->isView())
      return badInput("@", use.symbol,
                      ": a quantized weight under a view cannot be packed");
    std::vector<std::span<uint8_t>> targets;
    for (const WeightTensor &tensor : wantedTensors) {
      targets.push_back(allocate(tensor.bytes, owned));
      tensors.push_back(targets.back());
    }
    // A megabyte a time, so that threads share a large weight.
    const int64_t rows = use.packed.getRows(),
                  rowBytes = source->schemeComponents()[0].size() /
                             std::max<int64_t>(1, rows),
                  blockBytes = std::max<int64_t>(1, blockRows * rowBytes),
                  step =
                      std::max<int64_t>(1, (1 << 20) / blockBytes) * blockRows;
    for (int64_t row = 0; row < rows; row += step)
      rest.push_back(
          {use.packed, source, targets, row, std::min(step, rows - row)});
    return {};
  }
  const WeightTensor &tensor = wantedTensors.front();
  const bool asStored = tensor.type == DType::U8 ||
                        (isa<RankedTensorType>(type) &&
                         floatDType(type.getElementType()) == tensor.type);
  if (asStored && !source->isView()) {
    owned.push_back(source);
    tensors.push_back(source->schemeComponents().front());
    return {};
  }
  if (tensor.type == DType::U8)
    return badInput("@", use.symbol,
                    ": a quantized weight under a view has no blocks");
  std::span<uint8_t> target = allocate(tensor.bytes, owned);
  tensors.push_back(target);
  QOPT_CHECK(encodeRows(*source, tensor.type, target));
  source->release();
  return {};
}

Result<ModelWeights::Loaded> ModelWeights::load(Progress &progress) const {
  Loaded result;
  result.tensors.resize(wanted.size());
  std::vector<Status> outcomes(uses.size());
  std::vector<std::vector<std::shared_ptr<void>>> owned(uses.size());
  std::vector<std::vector<PackedRows>> rest(uses.size());
  progress.begin("preparing weights", uses.size());
  std::mutex advancing;
  auto advance = [&] {
    std::lock_guard lock(advancing);
    progress.advance();
  };
  ThreadPool &pool = services->compute().pool;
  pool.parallelFor(uses.size(), [&](int64_t i) {
    std::vector<ByteSpan> tensors;
    outcomes[i] = make(uses[i], tensors, owned[i], rest[i]);
    for (size_t t = 0; t < tensors.size(); ++t)
      result.tensors[uses[i].firstTensor + t] = tensors[t];
    if (rest[i].empty())
      advance();
  });
  std::vector<PackedRows> parts;
  for (std::vector<PackedRows> &each : rest)
    std::ranges::move(each, std::back_inserter(parts));
  pool.parallelFor(parts.size(), [&](int64_t i) {
    parts[i].pack();
    if (parts[i].first + parts[i].count == parts[i].type.getRows())
      advance();
  });
  progress.end();
  for (Status &outcome : outcomes)
    QOPT_CHECK(std::move(outcome));
  for (auto &each : owned)
    result.owned.insert(result.owned.end(), each.begin(), each.end());
  return result;
}

Status ModelWeights::write(const std::string &path, bool overwrite,
                           Progress &progress) const {
  std::vector<SafetensorsDeclaration> declarations;
  declarations.reserve(wanted.size());
  for (const WeightTensor &tensor : wanted)
    declarations.push_back({tensor.name, tensor.type, tensor.shape});
  QOPT_ASSIGN(SafetensorsWriter writer,
              SafetensorsWriter::create(path, declarations, {}, overwrite));
  std::vector<Status> outcomes(uses.size());
  progress.begin("packing weights", uses.size());
  services->compute().pool.parallelFor(uses.size(), [&](int64_t i) {
    std::vector<ByteSpan> tensors;
    std::vector<std::shared_ptr<void>> owned;
    std::vector<PackedRows> rest;
    outcomes[i] = make(uses[i], tensors, owned, rest);
    for (const PackedRows &rows : rest)
      rows.pack();
    for (size_t t = 0; t < tensors.size() && outcomes[i]; ++t)
      outcomes[i] =
          writer.write(wanted[uses[i].firstTensor + t].name, tensors[t]);
    progress.advance();
  });
  progress.end();
  for (Status &outcome : outcomes)
    QOPT_CHECK(std::move(outcome));
  return writer.finish();
}
