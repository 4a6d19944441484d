//===- MmaLayout.cpp - 4-bit weights in the order of mma.sync -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/MmaLayout.h"

#include <algorithm>
#include <cstring>

using namespace qopt;

Status MmaLayout::supports(const GroupedScheme &scheme, int64_t rows,
                           int64_t columns) {
  if (scheme.bits != 4)
    return badInput("the mma layout holds 4-bit codes, not ", scheme.bits,
                    "-bit ones");
  int64_t group = scheme.groupSize;
  if (group != -1 && group != 32 && group != 64 && group % chunkColumns != 0)
    return badInput("the mma layout takes groups of 32, 64, a multiple of 128 "
                    "or a whole row, not ",
                    group);
  if (rows % 8 != 0 || columns % 8 != 0)
    return badInput("the mma layout needs rows and columns that are multiples "
                    "of 8, not ",
                    rows, " x ", columns);
  return {};
}

std::vector<Component> MmaLayout::components() const {
  std::vector<Component> result = {
      {"packed", DType::U8, {tilesOfRows(), tilesOfColumns(), tileBytes}},
      {"scales", DType::F16, {tilesOfRows(), paddedGroups(), tileRows}}};
  if (!scheme.symmetric)
    result.push_back(
        {"zeros", DType::U8, {tilesOfRows(), paddedGroups(), tileRows}});
  return result;
}

MmaLayout::Place MmaLayout::codePlace(int64_t row, int64_t column) const {
  int64_t tile = row / tileRows * tilesOfColumns() + column / tileColumns;
  int64_t g = row % 8, h = row % tileRows / 8;
  int64_t s = column % tileColumns / 16, u = column % 16 / 8;
  int64_t t = column % 8 / 2, e = column % 2;
  int64_t bit = 4 * (h + 2 * u) + 16 * e;
  return {tile * tileBytes + (4 * g + t) * 16 + 4 * s + bit / 8, int(bit % 8)};
}

int64_t MmaLayout::parameterIndex(int64_t row, int64_t group) const {
  return (row / tileRows * paddedGroups() + group) * tileRows + 2 * (row % 8) +
         row % tileRows / 8;
}

void MmaLayout::pack(ConstBuffers source, MutableBuffers target) const {
  for (std::span<uint8_t> buffer : target)
    std::fill(buffer.begin(), buffer.end(), 0);
  int64_t rowBytes = scheme.packedRowBytes(columns);
  int64_t groups = scheme.groups(columns);
  std::vector<uint8_t> codes(columns);
  for (int64_t row = 0; row < rows; ++row) {
    unpackCodes(source[0].data() + row * rowBytes, 4, codes);
    for (int64_t column = 0; column < columns; ++column) {
      Place place = codePlace(row, column);
      target[0][place.byte] |= codes[column] << place.shift;
    }
    for (int64_t group = 0; group < groups; ++group) {
      std::memcpy(target[1].data() + 2 * parameterIndex(row, group),
                  source[1].data() + 2 * (row * groups + group), 2);
      if (!scheme.symmetric)
        target[2][parameterIndex(row, group)] = source[2][row * groups + group];
    }
  }
}

void MmaLayout::unpack(ConstBuffers source, MutableBuffers target) const {
  int64_t rowBytes = scheme.packedRowBytes(columns);
  int64_t groups = scheme.groups(columns);
  std::vector<uint8_t> codes(columns);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      Place place = codePlace(row, column);
      codes[column] = source[0][place.byte] >> place.shift & 15;
    }
    packCodes(codes, 4, target[0].data() + row * rowBytes);
    for (int64_t group = 0; group < groups; ++group) {
      std::memcpy(target[1].data() + 2 * (row * groups + group),
                  source[1].data() + 2 * parameterIndex(row, group), 2);
      if (!scheme.symmetric)
        target[2][row * groups + group] = source[2][parameterIndex(row, group)];
    }
  }
}
