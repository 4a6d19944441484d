//===- QuantizedTensors.cpp - GPTQ, AWQ, pack-quantized tensors -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "QuantizedTensors.h"

#include "qopt/Formats/AwqLayout.h"
#include "qopt/Formats/GptqLayout.h"
#include "qopt/Formats/PackQuantizedLayout.h"
#include "qopt/Formats/Words.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

using Method = QuantizationConfig::Method;

/// The tensors of one weight; absent ones are null.
struct QuantizedTensors::Found {
  const TensorIndex &index;
  std::string module;
  int64_t rows, columns;
  const TensorEntry *codes = nullptr, *zeros = nullptr, *scales = nullptr,
                    *groups = nullptr, *shape = nullptr;

  std::string place(const TensorEntry *tensor) const {
    return str(index.files()[tensor->file].path, ": tensor ",
               quote(tensor->name));
  }
  /// The extents of a matrix.
  Result<std::pair<int64_t, int64_t>> matrix(const TensorEntry *tensor) const {
    if (tensor->shape.size() != 2)
      return badInput(place(tensor), " has ", tensor->shape.size(),
                      " dimensions instead of 2");
    return std::pair(tensor->shape[0], tensor->shape[1]);
  }
};

namespace {

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "a scalar" : text;
}

template <typename T> std::vector<T> elements(ByteSpan bytes) {
  std::vector<T> result(bytes.size() / sizeof(T));
  std::memcpy(result.data(), bytes.data(), result.size() * sizeof(T));
  return result;
}

Type floatType(MLIRContext &context, DType type) {
  if (type == DType::F32)
    return Float32Type::get(&context);
  if (type == DType::BF16)
    return BFloat16Type::get(&context);
  return Float16Type::get(&context);
}

/// Whether every zero point of a packed array has this value, with codes dense
/// in words row by row.
bool allZerosAre(int value, int bits, ByteSpan packed) {
  std::vector<uint8_t> codes(32); // of `bits` words
  for (size_t at = 0; at + 4 * bits <= packed.size(); at += 4 * bits) {
    unpackWords(WordFill::Dense, bits, packed.data() + at, codes);
    if (std::ranges::any_of(codes, [&](uint8_t z) { return z != value; }))
      return false;
  }
  return true;
}

/// The error of a scale that no f16 can stand for, naming the tensor.
Status checkScales(const std::string &place, DType type, ByteSpan bytes) {
  int64_t count = bytes.size() / byteSize(type);
  float piece[256];
  for (int64_t first = 0; first < count; first += 256) {
    int64_t length = std::min<int64_t>(256, count - first);
    decodeToF32(type, bytes.data() + first * byteSize(type), piece, length);
    for (int64_t i = 0; i < length; ++i)
      if (!(std::fabs(piece[i]) < 65520)) // rounds to f16's largest or less
        return badInput(place, ": scale ", first + i, " is ", piece[i],
                        ", which is no finite f16");
  }
  return {};
}

} // namespace

//===----------------------------------------------------------------------===//
// What there is
//===----------------------------------------------------------------------===//

Result<QuantizedTensors::Found>
QuantizedTensors::find(const std::string &module, int64_t rows,
                       int64_t columns) const {
  Found found{index, module, rows, columns};
  bool packed = config.method == Method::PackQuantized;
  auto required = [&](const char *suffix) {
    return index.get(module + "." + suffix);
  };
  QOPT_ASSIGN(found.codes, required(packed ? "weight_packed" : "qweight"));
  QOPT_ASSIGN(found.scales, required(packed ? "weight_scale" : "scales"));
  if (packed) {
    found.zeros = index.find(module + ".weight_zero_point");
    found.groups = index.find(module + ".weight_g_idx");
    QOPT_ASSIGN(found.shape, required("weight_shape"));
  } else {
    QOPT_ASSIGN(found.zeros, required("qzeros"));
    if (config.method == Method::Gptq) {
      QOPT_ASSIGN(found.groups, required("g_idx"));
    }
  }
  if (!isFloat(found.scales->dtype) || found.scales->dtype == DType::F64)
    return badInput(found.place(found.scales), " has element type ",
                    dtypeName(found.scales->dtype),
                    "; scales must be F16, BF16 or F32");
  return found;
}

Result<GroupedScheme> QuantizedTensors::schemeOf(const Found &found) const {
  GroupedScheme scheme;
  QOPT_ASSIGN(auto codes, found.matrix(found.codes));
  QOPT_ASSIGN(auto scales, found.matrix(found.scales));
  bool packed = config.method == Method::PackQuantized;
  int64_t groups = packed ? scales.second : scales.first;
  if (groups < 1 || found.columns % groups != 0)
    return badInput(found.place(found.scales), " has ", groups,
                    " groups, which do not divide ", found.columns, " columns");
  scheme.groupSize =
      groups == 1 && config.wholeRows ? -1 : found.columns / groups;
  if (packed) {
    scheme.symmetric = !found.zeros;
    for (int bits : config.bits)
      for (WordFill fill : {WordFill::Dense, WordFill::Whole})
        if (wordCount(fill, bits, found.columns) == codes.second) {
          scheme.bits = bits;
          return scheme;
        }
    return badInput(found.place(found.codes), ": ", codes.second,
                    " words do not hold ", found.columns,
                    " codes of a width that the configuration names");
  }
  QOPT_ASSIGN(auto zeros, found.matrix(found.zeros));
  std::optional<int> bits = codeWidth(zeros.second, found.rows);
  if (!bits)
    return badInput(found.place(found.zeros), ": ", zeros.second,
                    " words do not hold ", found.rows,
                    " zero points of 2 to 8 bits");
  scheme.bits = *bits;
  QOPT_ASSIGN(ByteSpan bytes, index.data(*found.zeros));
  int stored = scheme.symmetricZero() -
               (config.method == Method::Gptq && this->zeros == GptqZeros::V1);
  scheme.symmetric = allZerosAre(stored, scheme.bits, bytes);
  return scheme;
}

Result<QuantizedTensors>
QuantizedTensors::open(MLIRContext &context, const TensorIndex &index,
                       const QuantizationConfig &config) {
  QuantizedTensors tensors(context, index, config);
  if (config.method != Method::Gptq)
    return tensors;
  tensors.zeros = config.zerosAsTheyAre ? GptqZeros::V2 : GptqZeros::V1;
  if (config.zerosAsTheyAre)
    return tensors;
  QOPT_ASSIGN(tensors.zeros, gptqZerosByValue(index));
  if (tensors.zeros == GptqZeros::V2)
    tensors.said.push_back(
        "the configuration calls the zero points those of the gptq format, "
        "which stores them less one, but by their values they are those of "
        "gptq_v2; they are read as such");
  return tensors;
}

//===----------------------------------------------------------------------===//
// One weight
//===----------------------------------------------------------------------===//

/// `g_idx` as an order of columns; empty if they are in order.
static Result<std::vector<int64_t>> columnOrder(const std::string &place,
                                                ByteSpan bytes, int64_t columns,
                                                int64_t groupLength,
                                                bool actOrder) {
  std::vector<int32_t> groupOf = elements<int32_t>(bytes);
  bool inOrder = true;
  for (int64_t column = 0; column < columns; ++column)
    inOrder &= groupOf[column] == column / groupLength;
  if (inOrder)
    return std::vector<int64_t>();
  std::optional<std::vector<int64_t>> sorted =
      sortColumns(groupOf, groupLength);
  if (!sorted) {
    if (!actOrder) // nobody looks at it then, and some write zeros
      return std::vector<int64_t>();
    return badInput(place, " does not map the columns to groups of ",
                    groupLength);
  }
  std::vector<int64_t> order(columns);
  for (int64_t i = 0; i < columns; ++i)
    order[(*sorted)[i]] = i;
  return order;
}

/// That weight_shape says what the configuration of the model does, and that
/// columns are in order.
static Status checkPacked(const TensorIndex &index, const TensorEntry &shape,
                          const TensorEntry *groups, int64_t rows,
                          int64_t columns, int64_t groupLength) {
  QOPT_ASSIGN(ByteSpan bytes, index.data(shape));
  if (elements<int64_t>(bytes) != std::vector<int64_t>{rows, columns})
    return badInput(index.files()[shape.file].path, ": tensor ",
                    quote(shape.name), " is not ", rows, ", ", columns);
  if (!groups)
    return {};
  QOPT_ASSIGN(ByteSpan groupBytes, index.data(*groups));
  std::vector<int32_t> groupOf = elements<int32_t>(groupBytes);
  for (size_t i = 0; i < groupOf.size(); ++i)
    if (groupOf[i] >= 0 && groupOf[i] != int64_t(i) / groupLength)
      return badInput(index.files()[groups->file].path, ": tensor ",
                      quote(groups->name),
                      " scatters groups over the columns (act-order), which is "
                      "read from GPTQ checkpoints only");
  return {};
}

Result<LayoutAttrInterface>
QuantizedTensors::layoutOf(const Found &found, const GroupedScheme &scheme,
                           QuantizedTensor &weight) const {
  Type scales = floatType(context, found.scales->dtype);
  int64_t length = scheme.groupLength(found.columns);
  switch (config.method) {
  case Method::Gptq: {
    QOPT_CHECK(GptqLayout::supports(scheme, found.rows, found.columns));
    weight.tensors = {found.codes, found.zeros, found.scales, found.groups};
    QOPT_ASSIGN(ByteSpan bytes, index.data(*found.groups));
    if (bytes.size() == uint64_t(found.columns) * 4) {
      QOPT_ASSIGN(weight.columnOrder,
                  columnOrder(found.place(found.groups), bytes, found.columns,
                              length, config.actOrder));
    }
    return GptqAttr::get(&context, zeros, scales,
                         weight.columnOrder.empty() ? GptqColumns::InOrder
                                                    : GptqColumns::Sorted);
  }
  case Method::Awq:
    QOPT_CHECK(AwqLayout::supports(scheme, found.rows, found.columns));
    weight.tensors = {found.codes, found.zeros, found.scales};
    return AwqAttr::get(&context, scales);
  case Method::PackQuantized:
    QOPT_CHECK(
        PackQuantizedLayout::supports(scheme, found.rows, found.columns));
    QOPT_CHECK(checkPacked(index, *found.shape, found.groups, found.rows,
                           found.columns, length));
    weight.tensors = {found.codes, found.scales};
    if (found.zeros)
      weight.tensors.push_back(found.zeros);
    weight.tensors.push_back(found.shape);
    return PackQuantizedAttr::get(
        &context, scales,
        wordCount(WordFill::Dense, scheme.bits, found.columns) ==
                found.codes->shape[1]
            ? CodeWords::Dense
            : CodeWords::Whole);
  }
  return internalError("unknown kind of checkpoint");
}

Result<QuantizedTensor> QuantizedTensors::get(const std::string &module,
                                              int64_t rows,
                                              int64_t columns) const {
  QOPT_ASSIGN(Found found, find(module, rows, columns));
  QOPT_ASSIGN(GroupedScheme scheme, schemeOf(found));
  QuantizedTensor result;
  auto layout = layoutOf(found, scheme, result);
  if (!layout)
    return badInput(found.place(found.codes), ": ", layout.error().message);
  auto attribute = GroupedAttr::get(&context, scheme);
  std::vector<Component> components =
      layout->components(attribute, rows, columns);
  for (auto [component, tensor] : llvm::zip_equal(components, result.tensors))
    if (tensor->dtype != component.type || tensor->shape != component.shape)
      return badInput(found.place(tensor), " is ", shapeText(tensor->shape),
                      " ", dtypeName(tensor->dtype), ", but a weight of ", rows,
                      "x", columns, " with codes of ", scheme.bits,
                      " bits and groups of ", scheme.groupLength(columns),
                      " needs ", shapeText(component.shape), " ",
                      dtypeName(component.type));
  QOPT_ASSIGN(ByteSpan scales, index.data(*found.scales));
  QOPT_CHECK(
      checkScales(found.place(found.scales), found.scales->dtype, scales));
  Type element = floatType(context, found.scales->dtype);
  if (element.isF32())
    element = Float16Type::get(&context);
  result.type =
      PackedType::get(&context, {rows, columns}, element, attribute, *layout);
  return result;
}
