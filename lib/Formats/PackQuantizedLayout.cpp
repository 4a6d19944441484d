//===- PackQuantizedLayout.cpp - weights of compressed-tensors ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/PackQuantizedLayout.h"

#include <cstring>

using namespace qopt;

Status PackQuantizedLayout::supports(const GroupedScheme &scheme, int64_t rows,
                                     int64_t columns) {
  if (columns % scheme.groupLength(columns) != 0)
    return badInput("compressed-tensors needs a group that divides the ",
                    columns, " columns, not ", scheme.groupSize,
                    "; quantize with another --group");
  return {};
}

std::vector<Component> PackQuantizedLayout::components() const {
  int64_t groups = scheme.groups(columns);
  std::vector<Component> result = {
      {"weight_packed",
       DType::I32,
       {rows, wordCount(fill, scheme.bits, columns)}},
      {"weight_scale", scaleType, {rows, groups}}};
  if (!scheme.symmetric)
    result.push_back({"weight_zero_point",
                      DType::I32,
                      {wordCount(fill, scheme.bits, rows), groups}});
  result.push_back({"weight_shape", DType::I64, {2}});
  return result;
}

void PackQuantizedLayout::pack(ConstBuffers source,
                               MutableBuffers target) const {
  int64_t groups = scheme.groups(columns);
  int64_t rowBytes = scheme.packedRowBytes(columns);
  int64_t wordBytes = 4 * wordCount(fill, scheme.bits, columns);
  std::vector<uint8_t> codes(columns);
  for (int64_t row = 0; row < rows; ++row) {
    unpackCodes(source[0].data() + row * rowBytes, scheme.bits, codes);
    packWords(fill, scheme.bits, codes, target[0].data() + row * wordBytes);
  }
  scalesFromF16(scaleType, source[1].data(), rows * groups, target[1].data());
  if (!scheme.symmetric) {
    std::vector<uint8_t> zeros(rows);
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t row = 0; row < rows; ++row)
        zeros[row] = source[2][row * groups + group];
      packWords(fill, scheme.bits, zeros, target[2].data() + 4 * group, groups);
    }
  }
  int64_t shape[2] = {rows, columns};
  std::memcpy(target.back().data(), shape, sizeof shape);
}

void PackQuantizedLayout::unpack(ConstBuffers source,
                                 MutableBuffers target) const {
  int64_t groups = scheme.groups(columns);
  int64_t rowBytes = scheme.packedRowBytes(columns);
  int64_t wordBytes = 4 * wordCount(fill, scheme.bits, columns);
  std::vector<uint8_t> codes(columns);
  for (int64_t row = 0; row < rows; ++row) {
    unpackWords(fill, scheme.bits, source[0].data() + row * wordBytes, codes);
    packCodes(codes, scheme.bits, target[0].data() + row * rowBytes);
  }
  scalesToF16(scaleType, source[1].data(), rows * groups, target[1].data());
  if (scheme.symmetric)
    return;
  std::vector<uint8_t> zeros(rows);
  for (int64_t group = 0; group < groups; ++group) {
    unpackWords(fill, scheme.bits, source[2].data() + 4 * group, zeros, groups);
    for (int64_t row = 0; row < rows; ++row)
      target[2][row * groups + group] = zeros[row];
  }
}
