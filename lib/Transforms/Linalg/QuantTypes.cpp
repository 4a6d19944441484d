//===- QuantTypes.cpp - grouped weights in the upstream quant dialect ----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "QuantTypes.h"

#include "qopt/Formats/Half.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"

using namespace mlir;
using namespace qopt;

/// Bytes, one per element, as the elements of an integer type of up to 8 bits.
static DenseElementsAttr integers(ArrayRef<int64_t> shape, Type element,
                                  ArrayRef<uint8_t> values) {
  auto type = RankedTensorType::get(shape, element);
  return DenseElementsAttr::getFromRawBuffer(
      type, {reinterpret_cast<const char *>(values.data()), values.size()});
}

Value qopt::dequantizedByQuantDialect(ImplicitLocOpBuilder &b,
                                      const GroupedMatrix &matrix) {
  const GroupedScheme &scheme = matrix.scheme;
  const int64_t rows = matrix.rows, columns = matrix.columns;
  const int64_t groups = matrix.groups();
  const int64_t length = groups == 1 ? columns : scheme.groupLength(columns);
  if (columns % length != 0)
    return {};
  Type storage = b.getIntegerType(scheme.bits), f32 = b.getF32Type();
  std::vector<float> scales;
  scales.reserve(matrix.scales.size());
  for (uint16_t scale : matrix.scales)
    scales.push_back(f16ToF32(scale));
  std::vector<uint8_t> zeros = matrix.zeros;
  if (scheme.symmetric)
    zeros.assign(rows * groups, scheme.symmetricZero());

  // Unsigned codes from 0 to 2^bits - 1; blocks of 1 row by `length` columns.
  auto type = quant::UniformQuantizedSubChannelType::get(
      /*flags=*/0, storage, f32,
      DenseElementsAttr::get(RankedTensorType::get({rows, groups}, f32),
                             ArrayRef<float>(scales)),
      integers({rows, groups}, storage, zeros),
      /*quantizedDimensions=*/{0, 1}, /*blockSizes=*/{1, length},
      /*storageTypeMin=*/0, /*storageTypeMax=*/scheme.maxCode());
  Value codes = arith::ConstantOp::create(
      b, integers({rows, columns}, storage, matrix.codes));
  Value quantized = quant::StorageCastOp::create(
      b, RankedTensorType::get({rows, columns}, type), codes);
  return quant::DequantizeCastOp::create(
      b, RankedTensorType::get({rows, columns}, f32), quantized);
}
