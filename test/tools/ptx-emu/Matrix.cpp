//===- Matrix.cpp - mma.sync ----------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// d = a b + c of one warp. With g = lane / 4 and t = lane % 4, register i of a
// holds n elements of k, n = 32 / (bits of an element):
//   a, 16 rows:    row g + 8 (i % 2), columns n t + (4 n) (i / 2) + 0 ... n - 1
//   b, 8 columns:  column g, rows n t + (4 n) i + 0 ... n - 1
//   c and d:       rows g, g + 8, columns 2 t and 2 t + 1; in f32 and s32 one
//                  element a register, in f16 two
// (PTX ISA, "Matrix fragments for mma.m16n8k8", k16 and k32: the 16-, 8- and
// 32-bit cases are this one rule.) Products are exact and are added in f64, the
// sum is rounded once; PTX leaves the order and the rounding open.
//
//===----------------------------------------------------------------------===//
#include "Float.h"
#include "Types.h"
#include "Warp.h"

using namespace ptx;

namespace {

enum Element : uint8_t { F16, BF16, TF32, S8, U8, E4M3, E5M2 };
enum Accumulator : uint8_t { F32, Half, S32 };

double readByteFloat(bool e4m3, uint32_t byte) {
  unsigned mantissaBits = e4m3 ? 3 : 2;
  int exponent = int((byte & 0x7f) >> mantissaBits);
  int mantissa = int(byte & ((1u << mantissaBits) - 1));
  int bias = e4m3 ? 7 : 15, one = 1 << mantissaBits;
  double value =
      exponent ? std::ldexp(one + mantissa, exponent - bias - int(mantissaBits))
               : std::ldexp(mantissa, 1 - bias - int(mantissaBits));
  if (e4m3 && (byte & 0x7f) == 0x7f)
    value = NAN;
  if (!e4m3 && exponent == 31)
    value = mantissa ? NAN : HUGE_VAL;
  return byte & 0x80 ? -value : value;
}

double read(Element element, uint32_t word, unsigned i) {
  switch (element) {
  case F16:
    return halfToFloat(word >> 16 * i & 0xffff);
  case BF16:
    return brainToFloat(word >> 16 * i & 0xffff);
  case TF32:
    return tensorToFloat(word);
  case S8:
    return int8_t(word >> 8 * i);
  case U8:
    return uint8_t(word >> 8 * i);
  case E4M3:
    return readByteFloat(true, word >> 8 * i & 0xff);
  case E5M2:
    return readByteFloat(false, word >> 8 * i & 0xff);
  }
  return 0;
}

unsigned perRegister(Element element) {
  return element == TF32 ? 1 : element <= BF16 ? 2 : 4;
}

/// mode: element of a; flags: of b; size: k; count: the accumulator.
void mma(Warp &warp, const Instruction &in, Lanes mask) {
  warp.requireWhole(in, mask);
  Element elementA = Element(in.mode), elementB = Element(in.flags);
  Accumulator accumulator = Accumulator(in.count);
  unsigned n = perRegister(elementA), k = in.size;
  unsigned registersA = 2 * k / (4 * n), registersB = k / (4 * n);
  double a[16][32], b[8][32];
  for (unsigned i = 0; i < registersA; ++i) {
    const uint64_t *words = warp.lanes(in.source(i));
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned e = 0; e < n; ++e)
        a[lane / 4 + 8 * (i % 2)][n * (lane % 4) + 4 * n * (i / 2) + e] =
            read(elementA, uint32_t(words[lane]), e);
  }
  for (unsigned i = 0; i < registersB; ++i) {
    const uint64_t *words = warp.lanes(in.source(registersA + i));
    for (unsigned lane = 0; lane < warpSize; ++lane)
      for (unsigned e = 0; e < n; ++e)
        b[lane / 4][n * (lane % 4) + 4 * n * i + e] =
            read(elementB, uint32_t(words[lane]), e);
  }
  unsigned firstC = registersA + registersB;
  unsigned registersC = accumulator == Half ? 2 : 4;
  // In f16, a register holds both columns.
  auto place = [&](unsigned lane, unsigned i, unsigned &row, unsigned &column) {
    row = lane / 4 + 8 * (i / 2);
    column = 2 * (lane % 4) + i % 2;
  };
  uint64_t results[4][warpSize] = {};
  for (unsigned lane = 0; lane < warpSize; ++lane)
    for (unsigned i = 0; i < 4; ++i) {
      unsigned row, column;
      place(lane, i, row, column);
      unsigned reg = accumulator == Half ? i / 2 : i,
               shift = accumulator == Half ? 16 * (i % 2) : 0;
      uint64_t word = warp.lanes(in.source(firstC + reg))[lane] >> shift;
      double sum = accumulator == F32    ? f32(word)
                   : accumulator == Half ? halfToFloat(word & 0xffff)
                                         : int32_t(word);
      for (unsigned x = 0; x < k; ++x)
        sum += a[row][x] * b[column][x];
      if (accumulator == F32)
        results[i][lane] = bits(float(sum));
      else if (accumulator == Half)
        results[reg][lane] |= uint64_t(HalfFormat::write(sum)) << shift;
      else if (in.immediate) // .satfinite
        results[i][lane] =
            uint32_t(int32_t(std::clamp(sum, -0x1p31, 0x1p31 - 1)));
      else
        results[i][lane] = uint32_t(int64_t(sum));
    }
  for (unsigned i = 0; i < registersC; ++i) {
    std::copy_n(results[i], warpSize, warp.lanes(in.destination(i)));
    warp.define(in.destination(i), mask);
  }
}

std::optional<Element> elementOf(Type type) {
  switch (type.kind) {
  case Type::Half:
    return F16;
  case Type::Brain:
    return BF16;
  case Type::Tensor:
    return TF32;
  case Type::Signed:
    return S8;
  case Type::Unsigned:
    return U8;
  case Type::E4M3:
    return E4M3;
  case Type::E5M2:
    return E5M2;
  default:
    return std::nullopt;
  }
}

void decodeMma(Decoder &d) {
  if (!d.take("sync") || !d.take("aligned"))
    d.fail("expected mma.sync.aligned");
  std::string_view shape =
      d.takeAny({"m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32"});
  if (shape.empty())
    d.fail("unsupported shape of '" + d.statement.opcode + "'");
  d.take("row");
  d.take("col");
  d.result.immediate = d.take("satfinite");
  d.takePrefix("kind::");
  Type to = d.takeType(), a = d.takeType(), b = d.takeType(),
       from = d.takeType();
  std::optional<Element> elementA = elementOf(a), elementB = elementOf(b);
  bool half = to.kind == Type::Half, integer = to.kind == Type::Signed;
  if (!elementA || !elementB || to != from || a.bits != b.bits ||
      integer != a.isInteger() || (half && a.kind == Type::Brain))
    d.fail("unsupported types of '" + d.statement.opcode + "'");
  unsigned k = shape == "m16n8k4"    ? 4
               : shape == "m16n8k8"  ? 8
               : shape == "m16n8k16" ? 16
                                     : 32;
  unsigned n = perRegister(*elementA);
  if (k != 4 * n && k != 8 * n)
    d.fail("unsupported shape of '" + d.statement.opcode + "'");
  d.result.mode = *elementA;
  d.result.flags = *elementB;
  d.result.size = uint8_t(k);
  d.result.count = half ? Half : integer ? S32 : F32;
  size_t expected[] = {half ? 2u : 4u, k / (2 * n), k / (4 * n),
                       half ? 2u : 4u};
  Type types[] = {to, a, b, from};
  for (size_t i = 0; i < 4; ++i) {
    std::vector<Operand> parts = d.elements(i);
    if (parts.size() != expected[i])
      d.fail("operand " + std::to_string(i) + " has " +
             std::to_string(expected[i]) + " registers");
    for (const Operand &part : parts)
      i ? d.source(part, types[i]) : d.destination(part);
  }
  d.finish(mma);
}

} // namespace

void ptx::addMatrixOpcodes(OpcodeTable &table) {
  table["mma"] = {decodeMma, Class::Matrix};
}
