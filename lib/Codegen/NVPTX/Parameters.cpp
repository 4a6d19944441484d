//===- Parameters.cpp - scales, zero points and minima of rows ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Parameters.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

int64_t Parameters::scaleBytes(const LinearSpec &spec) {
  int64_t records = spec.hierarchy().hasLevels() ? 1 : spec.groupsPerChunk();
  return records * spec.weight.scaleRecord();
}

int64_t Parameters::zeroBytes(const LinearSpec &spec) {
  return spec.weight.hasZeros() ? spec.groupsPerChunk() * MmaLayout::tileRows
                                : 0;
}

int64_t Parameters::superBytes(const LinearSpec &spec) {
  return spec.hierarchy().hasLevels() ? spec.weight.superRecord() : 0;
}

int64_t Parameters::halfBytes(const LinearSpec &spec, Component component) {
  if (component == SuperScales || spec.groupsPerChunk() == 1)
    return 0;
  if (component == Zeros)
    return zeroBytes(spec) / 2;
  constexpr int64_t levelsOfRow = 16;
  return spec.hierarchy().hasLevels() ? levelsOfRow / 2 : scaleBytes(spec) / 2;
}

ParameterWords Parameters::read(int64_t group, Value g, Load load) {
  ParameterWords result;
  /// A word, and a second one behind it where there are minima.
  auto loadPair = [&](Component component, int64_t record, Value &first,
                      Value &second) {
    int64_t words = haveMinima() ? 2 : 1;
    Value offset = b.add(b.mul(g, 4 * words), record);
    Value loaded = load(component, offset, 4 * words);
    first = haveMinima() ? b.element(loaded, 0) : loaded;
    if (haveMinima())
      second = b.element(loaded, 1);
  };
  if (weight.hierarchy.hasLevels()) {
    int64_t word = hasWordOfLevels() ? group : group / 2;
    result.upperLevels = !hasWordOfLevels() && group % 2;
    result.scales = load(Scales, b.add(b.mul(g, 16), 4 * word), 4);
    loadPair(SuperScales, 0, result.supers, result.superMinima);
    return result;
  }
  loadPair(Scales, group * weight.scaleRecord(), result.scales, result.minima);
  if (weight.hasZeros()) {
    Value offset = b.add(b.mul(g, 2), group * MmaLayout::tileRows);
    result.zeros =
        arith::ExtUIOp::create(b, b.getI32Type(), load(Zeros, offset, 2));
  }
  return result;
}

Dequantizer::Offsets Parameters::offsets(const ParameterWords &words) {
  return words.zeros ? decode.loadedOffsets(words.zeros)
                     : decode.constantOffsets();
}

Parameters::OfRows Parameters::halves(Value word) {
  Value both = b.bitcast(VectorType::get(2, b.getF16Type()), word);
  OfRows result;
  for (int64_t h = 0; h < 2; ++h)
    result[h] = arith::ExtFOp::create(b, b.getF32Type(), b.element(both, h));
  return result;
}

/// A byte of a word as f32. Levels have at most six bits or a sign, so that all
/// are signed bytes, and both steps are one instruction on a GPU (I2F.S8).
Value Parameters::levelOf(Value word, int64_t byte) {
  return b.purePtx(b.getF32Type(),
                   "{ .reg .b32 level;\n"
                   "bfe.s32 level, $1, " +
                       std::to_string(8 * byte) +
                       ", 8;\n"
                       "cvt.rn.f32.s32 $0, level;\n"
                       "}",
                   "=f,r", word);
}

Parameters::OfRows Parameters::timesLevels(const OfRows &d,
                                           const ParameterWords &words,
                                           bool minima) {
  Value word = words.scales;
  int64_t first = words.upperLevels ? 2 : 0;
  if (weight.hierarchy.nibbleLevels) {
    word = b.shiftRight(word, minima ? 4 : 0);
    word = arith::AndIOp::create(b, word, b.i32(0x0f0f0f0f));
  } else if (minima) {
    first = 2;
  }
  OfRows result;
  for (int64_t row = 0; row < 2; ++row)
    result[row] = arith::MulFOp::create(b, d[row], levelOf(word, first + row));
  return result;
}

Parameters::OfRows Parameters::scales(const ParameterWords &words) {
  if (!words.supers)
    return halves(words.scales);
  return timesLevels(halves(words.supers), words, false);
}

Parameters::OfRows Parameters::negatedMinima(const ParameterWords &words) {
  if (!words.supers) // M = -m
    return halves(words.minima);
  OfRows d = halves(words.superMinima);
  for (Value &ofRow : d)
    ofRow = arith::NegFOp::create(b, ofRow);
  return timesLevels(d, words, true);
}

Value Parameters::pairOf(Value number) {
  Type element = decode.pairType().getElementType();
  return vector::BroadcastOp::create(
      b, decode.pairType(), arith::TruncFOp::create(b, element, number));
}

void Parameters::scale(const ParameterWords &words,
                       std::array<Value, 4> &fragment) {
  OfRows s = scales(words), m;
  if (haveMinima())
    m = negatedMinima(words);
  for (int64_t i = 0; i < 4; ++i) {
    Value pair = pairOf(s[i % 2]);
    if (haveMinima())
      fragment[i] = LLVM::FMAOp::create(b, fragment[i], pair, pairOf(m[i % 2]));
    else
      fragment[i] = arith::MulFOp::create(b, fragment[i], pair);
  }
}
