//===- GroupedBlocks.cpp - grouped integers as GGUF blocks --------- -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/GroupedBlocks.h"
#include "qopt/Formats/Half.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace qopt;

static constexpr int64_t kBlock = 32;

Result<GgufType> qopt::blockTypeOf(const GroupedScheme &scheme,
                                   int64_t columns) {
  int64_t length = std::min(scheme.groupLength(columns), columns);
  if (columns % kBlock != 0)
    return badInput("rows of ", columns, " columns are not whole blocks of ",
                    kBlock,
                    ": no GGUF type holds them; leave the weight float "
                    "to store it as f16");
  if (length % kBlock != 0)
    return badInput("groups of ", length, " columns do not fall on blocks of ",
                    kBlock, ": quantize with a group that is a multiple of ",
                    kBlock, ", or encode the float weight with gguf-quantize");
  if (scheme.bits > 4)
    return GgufType::Q8_0;
  return scheme.symmetric ? GgufType::Q4_0 : GgufType::Q4_1;
}

namespace {
/// One block: `codes` are 32 codes of a group with scale `scale` (f16 bits).
struct BlockWriter {
  GgufType type;
  uint8_t *target;

  void f16(uint16_t bits) {
    std::memcpy(target, &bits, sizeof bits);
    target += sizeof bits;
  }
  /// Byte j holds code j in its low nibble and code j + 16 in its high one.
  void nibbles(const uint8_t *codes, int shift) {
    for (int64_t j = 0; j < kBlock / 2; ++j)
      *target++ =
          uint8_t((codes[j] + shift) | (codes[j + kBlock / 2] + shift) << 4);
  }
  /// The first column whose q - z is no int8, or -1.
  int64_t bytes(const uint8_t *codes, int zero) {
    for (int64_t j = 0; j < kBlock; ++j) {
      int value = codes[j] - zero;
      if (value < -128 || value > 127)
        return j;
      *target++ = uint8_t(int8_t(value));
    }
    return -1;
  }
};
} // namespace

Result<GroupedBlocks> qopt::packGroupedBlocks(const GroupedMatrix &matrix) {
  QOPT_ASSIGN(GgufType type, blockTypeOf(matrix.scheme, matrix.columns));
  GroupedBlocks result;
  result.blocks.resize(matrix.rows *
                       findFormat(type)->rowBytes(matrix.columns));
  BlockWriter writer{type, result.blocks.data()};
  int64_t length = matrix.scheme.groupLength(matrix.columns);
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t column = 0; column < matrix.columns; column += kBlock) {
      int64_t group = column / length;
      uint16_t scale = matrix.scales[row * matrix.groups() + group];
      int zero = matrix.zero(row, group);
      const uint8_t *codes =
          matrix.codes.data() + row * matrix.columns + column;
      writer.f16(scale);
      if (type == GgufType::Q4_0) {
        writer.nibbles(codes, 8 - zero);
      } else if (type == GgufType::Q4_1) {
        float minimum = -f16ToF32(scale) * float(zero); // exact
        float rounded = f16ToF32(f32ToF16(minimum));
        if (!std::isfinite(rounded))
          return badInput("row ", row, ", group ", group, ": the minimum ",
                          minimum, " is beyond f16; quantize symmetrically");
        result.largestError =
            std::max(result.largestError, std::fabs(rounded - minimum));
        writer.f16(f32ToF16(minimum));
        writer.nibbles(codes, 0);
      } else if (int64_t bad = writer.bytes(codes, zero); bad >= 0) {
        return badInput("row ", row, ", column ", column + bad, ": code ",
                        int(codes[bad]), " with zero point ", zero,
                        " does not fit Q8_0; quantize symmetrically");
      }
    }
  return result;
}
