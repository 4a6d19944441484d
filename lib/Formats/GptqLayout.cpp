//===- GptqLayout.cpp - weights as GPTQ checkpoints hold them -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/GptqLayout.h"
#include "qopt/Formats/Words.h"

#include <algorithm>
#include <cstring>

using namespace qopt;

Status GptqLayout::supports(const GroupedScheme &scheme, int64_t rows,
                            int64_t columns) {
  if (scheme.bits != 2 && scheme.bits != 3 && scheme.bits != 4 &&
      scheme.bits != 8)
    return badInput("GPTQ checkpoints hold codes of 2, 3, 4 or 8 bits, not ",
                    scheme.bits,
                    "; quantize to one of these, or export to "
                    "compressed-tensors");
  if (rows % 32 != 0 || columns % 32 != 0)
    return badInput("GPTQ checkpoints need rows and columns that are multiples "
                    "of 32, not ",
                    rows, " x ", columns,
                    "; leave the weight float, or export to "
                    "compressed-tensors");
  if (columns % scheme.groupLength(columns) != 0)
    return badInput("GPTQ checkpoints need a group that divides the ", columns,
                    " columns, not ", scheme.groupSize,
                    "; quantize with another --group");
  return {};
}

std::vector<Component> GptqLayout::components() const {
  int64_t groups = scheme.groups(columns);
  return {{"qweight", DType::I32, {columns * scheme.bits / 32, rows}},
          {"qzeros", DType::I32, {groups, rows * scheme.bits / 32}},
          {"scales", scaleType, {groups, rows}},
          {"g_idx", DType::I32, {columns}}};
}

bool GptqLayout::holdsZeros(std::span<const uint8_t> zeros) const {
  return zeroPoints == Zeros::V2 || std::ranges::find(zeros, 0) == zeros.end();
}

void GptqLayout::pack(ConstBuffers source, MutableBuffers target) const {
  int64_t groups = scheme.groups(columns);
  int64_t words = columns * scheme.bits / 32;
  transposeElements(4, source[0].data(), rows, words, target[0].data());

  int difference = zeroPoints == Zeros::V1 ? 1 : 0;
  std::vector<uint8_t> zeros(rows);
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t row = 0; row < rows; ++row) {
      int zero = scheme.symmetric ? scheme.symmetricZero()
                                  : source[2][row * groups + group];
      zeros[row] = (zero - difference) & scheme.maxCode();
    }
    packWords(WordFill::Dense, scheme.bits, zeros,
              target[1].data() + group * (rows * scheme.bits / 8));
  }

  std::vector<uint8_t> scales(rows * groups * byteSize(scaleType));
  scalesFromF16(scaleType, source[1].data(), rows * groups, scales.data());
  transposeElements(int(byteSize(scaleType)), scales.data(), rows, groups,
                    target[2].data());
  for (int64_t column = 0; column < columns; ++column) {
    int32_t group = int32_t(column / scheme.groupLength(columns));
    std::memcpy(target[3].data() + column * sizeof group, &group, sizeof group);
  }
}

std::optional<std::vector<int64_t>>
qopt::sortColumns(std::span<const int32_t> groupOf, int64_t groupLength) {
  int64_t columns = groupOf.size(), groups = columns / groupLength;
  std::vector<int64_t> filled(groups, 0), order(columns);
  for (int64_t column = 0; column < columns; ++column) {
    int32_t group = groupOf[column];
    if (group < 0 || group >= groups || filled[group] == groupLength)
      return std::nullopt;
    order[group * groupLength + filled[group]++] = column;
  }
  return order;
}

void GptqLayout::unpack(ConstBuffers source, MutableBuffers target) const {
  int64_t groups = scheme.groups(columns);
  int64_t words = columns * scheme.bits / 32;
  transposeElements(4, source[0].data(), words, rows, target[0].data());

  if (!scheme.symmetric) {
    int difference = zeroPoints == Zeros::V1 ? 1 : 0;
    std::vector<uint8_t> zeros(rows);
    for (int64_t group = 0; group < groups; ++group) {
      unpackWords(WordFill::Dense, scheme.bits,
                  source[1].data() + group * (rows * scheme.bits / 8), zeros);
      for (int64_t row = 0; row < rows; ++row)
        target[2][row * groups + group] =
            (zeros[row] + difference) & scheme.maxCode();
    }
  }

  std::vector<uint8_t> scales(source[2].size());
  transposeElements(int(byteSize(scaleType)), source[2].data(), groups, rows,
                    scales.data());
  scalesToF16(scaleType, scales.data(), rows * groups, target[1].data());

  if (order == Columns::InOrder)
    return;
  std::vector<int32_t> groupOf(columns);
  std::memcpy(groupOf.data(), source[3].data(), columns * sizeof(int32_t));
  auto sorted = sortColumns(groupOf, scheme.groupLength(columns));
  if (!sorted) // the file has changed since its import looked
    return;
  std::vector<uint8_t> codes(columns), inOrder(columns);
  for (int64_t row = 0; row < rows; ++row) {
    uint8_t *packed = target[0].data() + row * words * 4;
    unpackCodes(packed, scheme.bits, codes);
    for (int64_t i = 0; i < columns; ++i)
      inOrder[i] = codes[(*sorted)[i]];
    packCodes(inOrder, scheme.bits, packed);
  }
}
