//===- GptqVersion.cpp - how a checkpoint stores zero points --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Version 1 of the GPTQ format stores z - 1, version 2 stores z. Trained
// weights have a mean of about 0, so codes less their zero points have, too:
//
//     mean(q - stored)  is about 1 for version 1, about 0 for version 2
//
// whatever the order of the columns, since all groups are equally long.
//
//===----------------------------------------------------------------------===//
#include "QuantizedTensors.h"

#include "qopt/Formats/Words.h"

using namespace qopt;
using namespace qopt::detail;

/// Weights that are looked at, and rows of each. One would do.
static constexpr int64_t kWeights = 8, kRows = 32;

std::optional<int> qopt::detail::codeWidth(int64_t words, int64_t codes) {
  for (int bits = 2; bits <= 8; ++bits)
    if (words < (int64_t(1) << 48) && words * 32 == codes * bits)
      return bits;
  return std::nullopt;
}

namespace {
/// qweight [K·b/32, N] and qzeros [G, N·b/32] of a weight.
struct PackedWeight {
  ByteSpan codes, zeros;
  int bits;
  int64_t rows, columns, groups;

  double meanOverStored() const {
    std::vector<uint8_t> row(columns), zero(kRows);
    double codeSum = 0, zeroSum = 0;
    for (int64_t n = 0; n < kRows; ++n) {
      unpackWords(WordFill::Dense, bits, codes.data() + 4 * n, row, rows);
      for (uint8_t code : row)
        codeSum += code;
    }
    for (int64_t group = 0; group < groups; ++group) {
      unpackWords(WordFill::Dense, bits,
                  zeros.data() + group * (rows * bits / 8), zero);
      for (uint8_t z : zero)
        zeroSum += z;
    }
    return codeSum / double(kRows * columns) - zeroSum / double(kRows * groups);
  }
};
} // namespace

/// The weight with these codes; nothing if its tensors do not fit together,
/// about which the import has more to say.
static Result<std::optional<PackedWeight>>
findWeight(const TensorIndex &index, const TensorEntry &codes) {
  constexpr std::string_view suffix = ".qweight";
  std::optional<PackedWeight> nothing;
  if (!codes.name.ends_with(suffix) || codes.shape.size() != 2)
    return nothing;
  const TensorEntry *zeros = index.find(
      codes.name.substr(0, codes.name.size() - suffix.size()) + ".qzeros");
  if (!zeros || zeros->shape.size() != 2 || codes.dtype != DType::I32 ||
      zeros->dtype != DType::I32)
    return nothing;
  PackedWeight weight;
  weight.rows = codes.shape[1];
  weight.groups = zeros->shape[0];
  std::optional<int> bits = codeWidth(zeros->shape[1], weight.rows);
  if (!bits || weight.rows < kRows || weight.rows % 32 != 0 ||
      weight.groups < 1 || codes.shape[0] < 1 || codes.shape[0] % *bits != 0)
    return nothing;
  weight.bits = *bits;
  weight.columns = codes.shape[0] / *bits * 32;
  QOPT_ASSIGN(weight.codes, index.data(codes));
  QOPT_ASSIGN(weight.zeros, index.data(*zeros));
  return std::optional(weight);
}

Result<GptqZeros> qopt::detail::gptqZerosByValue(const TensorIndex &index) {
  int64_t looked = 0, asTheyAre = 0;
  for (const TensorEntry &entry : index.tensors()) {
    QOPT_ASSIGN(std::optional<PackedWeight> weight, findWeight(index, entry));
    if (!weight)
      continue;
    asTheyAre += weight->meanOverStored() < 0.5;
    if (++looked == kWeights)
      break;
  }
  return 2 * asTheyAre > looked ? GptqZeros::V2 : GptqZeros::V1;
}
