//===- WeightConstants.cpp - weights as constants of upstream dialects ---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WeightConstants.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace qopt;

/// Below, a resource would cost more than the bytes.
static constexpr size_t kSmall = 1024;

/// Constant data of `bytes`. Mapped bytes are referred to; the resource keeps
/// the files open.
TypedAttr WeightConstants::dense(ShapedType type, ByteSpan bytes, bool mapped,
                                 StringRef name) {
  ArrayRef<char> raw(reinterpret_cast<const char *>(bytes.data()),
                     bytes.size());
  if (bytes.size() <= kSmall)
    return DenseElementsAttr::getFromRawBuffer(type, raw);
  size_t align = std::max(1u, type.getElementTypeBitWidth() / 8);
  bool aligned = reinterpret_cast<uintptr_t>(raw.data()) % align == 0;
  AsmResourceBlob blob =
      mapped && aligned
          ? UnmanagedAsmResourceBlob::allocateWithAlign(
                raw, align, [keep = services](void *, size_t, size_t) {})
          : HeapAsmResourceBlob::allocateAndCopyWithAlign(raw, align, false);
  auto &manager =
      DenseResourceElementsHandle::getManagerInterface(type.getContext());
  return cast<TypedAttr>(DenseResourceElementsAttr::get(
      type, manager.insert(name, std::move(blob))));
}

Result<ml_program::GlobalOp> WeightConstants::globalOf(Value weight) {
  auto load = weight.getDefiningOp<ml_program::GlobalLoadConstOp>();
  auto global = load ? symbols.lookup<ml_program::GlobalOp>(
                           load.getGlobal().getLeafReference())
                     : ml_program::GlobalOp();
  if (!global)
    return badInput(
        "its weight is not the constant value of an ml_program.global");
  return global;
}

Result<TypedAttr> WeightConstants::floats(ml_program::GlobalOp global) {
  auto type = cast<RankedTensorType>(global.getType());
  Attribute value = global.getValueAttr();
  if (isa_and_nonnull<DenseElementsAttr, DenseResourceElementsAttr>(value)) {
    QOPT_CHECK(WeightSource::open(global, services->files()));
    return cast<TypedAttr>(value);
  }
  QOPT_ASSIGN(WeightSource source,
              WeightSource::open(global, services->files()));
  if (!source.isView())
    return dense(type, source.components().front(), !source.isInline(),
                 global.getSymName());
  QOPT_ASSIGN(std::vector<float> values, source.readAll());
  DType dtype = floatDType(type.getElementType());
  std::vector<uint8_t> bytes(values.size() * byteSize(dtype));
  encodeFromF32(dtype, values.data(), bytes.data(), values.size());
  return dense(type, bytes, /*mapped=*/false, global.getSymName());
}

Result<std::vector<TypedAttr>>
WeightConstants::attributes(ml_program::GlobalOp global, Arrays which) {
  auto [place, isNew] = made.try_emplace({global, which});
  if (!isNew)
    return place->second;
  auto type = cast<ShapedType>(global.getType());
  QOPT_ASSIGN(WeightSource source,
              WeightSource::open(global, services->files()));
  if (source.isView())
    return badInput("@", global.getSymName().str(),
                    " is a view of a quantized weight");
  auto packed = dyn_cast<PackedType>(type);
  bool undone = packed && which == Arrays::OfScheme;
  std::vector<Component> components =
      undone
          ? packed.getScheme().components(packed.getRows(), packed.getColumns())
          : weightComponents(type);
  const std::vector<ByteSpan> &bytes =
      undone ? source.schemeComponents() : source.components();
  // Blocks are decoded where they lie.
  bool copied =
      source.isCopied() ||
      (undone && bytes.front().data() != source.components().front().data());
  for (auto [component, data] : llvm::zip_equal(components, bytes)) {
    auto array = RankedTensorType::get(
        component.shape,
        componentElementType(global.getContext(), component.type));
    std::string name = str(global.getSymName().str(), ".", component.suffix);
    place->second.push_back(
        dense(array, data, !source.isInline() && !copied, name));
  }
  return place->second;
}

Result<SmallVector<Value>> WeightConstants::arrays(ImplicitLocOpBuilder &b,
                                                   Value weight, Arrays which) {
  QOPT_ASSIGN(ml_program::GlobalOp global, globalOf(weight));
  QOPT_ASSIGN(std::vector<TypedAttr> values, attributes(global, which));
  SmallVector<Value> constants;
  for (TypedAttr value : values)
    constants.push_back(arith::ConstantOp::create(b, value));
  return constants;
}

Result<GroupedMatrix> WeightConstants::grouped(Value weight) {
  QOPT_ASSIGN(ml_program::GlobalOp global, globalOf(weight));
  QOPT_ASSIGN(WeightSource source,
              WeightSource::open(global, services->files()));
  return readGrouped(source);
}
