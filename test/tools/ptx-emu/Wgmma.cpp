//===- Wgmma.cpp - wgmma: matrices of a warpgroup -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// d = a b + d for 64 x N accumulators and k = 16. Warp w of the warpgroup has
// the rows 16 w ... 16 w + 15; with g = lane / 4 and t = lane % 4, its register
// i of d is row g + 8 (i / 2 % 2), column 8 (i / 4) + 2 t + i % 2, and register
// i of a the columns 2 t + 8 (i / 2) and the next of row g + 8 (i % 2) (PTX
// ISA, "Register Fragments" of wgmma.mma_async.m64nNk16). The products are
// exact in f32; the 16 of them are added in f32 in ascending k, then the
// accumulator. PTX leaves the order and the rounding open.
//
// The result is computed when the last warp has arrived; nobody may look at it
// or touch the inputs before a wait_group, which AsyncRegisters and the race
// detector see to.
//
//===----------------------------------------------------------------------===//
#include "Cta.h"
#include "Float.h"
#include "Grid.h"
#include "MatrixDescriptor.h"
#include "Types.h"

using namespace ptx;

namespace {

enum Flags : uint8_t {
  RegistersA = 1,
  Brain = 2,
  NegateA = 4,
  NegateB = 8,
  TransposeA = 16,
  TransposeB = 32,
};
constexpr unsigned rows = 64, depth = 16, maxColumns = 256;
// Sources: scale-d, b, then a.
constexpr unsigned firstA = 2;

float element(const Instruction &in, uint32_t bits) {
  return in.flags & Brain ? brainToFloat(bits & 0xffff)
                          : halfToFloat(bits & 0xffff);
}

/// The value that a source has in all lanes of all warps.
uint64_t uniform(std::span<Warp *const, 4> warps, const Instruction &in,
                 unsigned source) {
  uint64_t value = warps[0]->lanes(in.source(source))[0];
  for (Warp *warp : warps)
    for (unsigned lane = 0; lane < warpSize; ++lane)
      if (warp->lanes(in.source(source))[lane] != value)
        warp->fail(in, lane,
                   "the descriptor is not the same in all threads of the "
                   "warpgroup");
  return value;
}

/// Visits the elements (row, k) of a matrix in shared memory.
template <typename F>
void readMatrix(Warp &warp, const Instruction &in, uint64_t bits, bool isTurned,
                unsigned rowCount, unsigned read, F visit) {
  MatrixDescriptor descriptor(bits);
  for (unsigned i = 0; i < (isTurned ? depth : rowCount); ++i)
    for (unsigned c = 0; c < (isTurned ? rowCount : depth) / 8; ++c) {
      uint64_t address =
          isTurned ? descriptor.alongRows(i, c) : descriptor.alongK(i, c);
      const uint8_t *piece = warp.cta.matrixPiece(warp, in, read, address);
      for (unsigned e = 0; e < 8; ++e) {
        float value = element(in, loadAs<uint16_t>(piece + 2 * e));
        if (isTurned)
          visit(8 * c + e, i, value);
        else
          visit(i, 8 * c + e, value);
      }
    }
}

void readA(std::span<Warp *const, 4> warps, const Instruction &in,
           unsigned read, float (&a)[rows][depth]) {
  if (!(in.flags & RegistersA))
    return readMatrix(
        *warps[0], in, uniform(warps, in, firstA), in.flags & TransposeA, rows,
        read, [&](unsigned row, unsigned k, float x) { a[row][k] = x; });
  for (unsigned w = 0; w < 4; ++w)
    for (unsigned i = 0; i < 4; ++i)
      for (unsigned lane = 0; lane < warpSize; ++lane) {
        uint64_t word = warps[w]->lanes(in.source(firstA + i))[lane];
        float *pair =
            &a[16 * w + lane / 4 + 8 * (i % 2)][2 * (lane % 4) + 8 * (i / 2)];
        pair[0] = element(in, uint32_t(word));
        pair[1] = element(in, uint32_t(word >> 16));
      }
}

/// size: N / 8.
void multiply(Warp &last, const Instruction &in, Lanes mask) {
  last.requireWhole(in, mask);
  Cta &cta = last.cta;
  if (!cta.gather(last, in))
    return;
  Warp *group[4];
  for (unsigned w = 0; w < 4; ++w)
    group[w] = cta.warps[last.index / 4 * 4 + w].get();
  std::span<Warp *const, 4> warps(group);
  unsigned read = cta.races.beginMatrixRead(last.raceIndex() / 4, in.line);
  Lanes scaleD = last.predicateSource(in, 0);
  for (Warp *warp : warps) {
    if (warp->predicateSource(in, 0) != scaleD || (scaleD && ~scaleD))
      warp->fail(in, 0, "scale-d differs between threads of the warpgroup");
    if (warp->asyncRegisters->groups() != last.asyncRegisters->groups())
      warp->fail(in, 0,
                 "the warps of the warpgroup have committed different numbers "
                 "of groups");
    warp->asyncRegisters->start(
        *warp, in, in.flags & RegistersA ? firstA : in.sources, read);
    for (unsigned i = 0; scaleD && i < in.destinations; ++i)
      if (Lanes wrong = warp->undefined(in.destination(i)))
        warp->fail(in, std::countr_zero(wrong),
                   "adds to register " +
                       cta.grid.program.registerName(in.destination(i)) +
                       ", which was never written");
  }
  unsigned columns = 8 * in.size;
  static thread_local float a[rows][depth], b[depth][maxColumns];
  readA(warps, in, read, a);
  readMatrix(last, in, uniform(warps, in, 1), in.flags & TransposeB, columns,
             read, [](unsigned n, unsigned k, float x) { b[k][n] = x; });
  float sign = bool(in.flags & NegateA) != bool(in.flags & NegateB) ? -1 : 1;
  for (unsigned row = 0; row < rows; ++row) {
    float sums[maxColumns] = {};
    for (unsigned k = 0; k < depth; ++k) {
      float x = sign * a[row][k];
      for (unsigned n = 0; n < columns; ++n)
        sums[n] += x * b[k][n];
    }
    Warp &warp = *warps[row / 16];
    for (unsigned n = 0; n < columns; ++n) {
      unsigned lane = 4 * (row % 8) + n % 8 / 2;
      unsigned i = 4 * (n / 8) + 2 * (row % 16 / 8) + n % 2;
      uint64_t &d = warp.lanes(in.destination(i))[lane];
      d = bits(scaleD ? f32(d) + sums[n] : sums[n]);
    }
  }
  for (Warp *warp : warps)
    for (unsigned i = 0; i < in.destinations; ++i)
      warp->define(in.destination(i), allLanes);
}

void fence(Warp &warp, const Instruction &in, Lanes mask) {
  warp.requireWhole(in, mask);
  warp.asyncRegisters->fence();
}

void commit(Warp &warp, const Instruction &in, Lanes mask) {
  warp.requireWhole(in, mask);
  warp.asyncRegisters->commit();
}

void wait(Warp &warp, const Instruction &in, Lanes mask) {
  warp.requireWhole(in, mask);
  warp.asyncRegisters->wait(unsigned(in.immediate), [&](unsigned read) {
    warp.cta.races.endMatrixRead(read, warp.raceIndex());
  });
}

/// The N of m64nNk16, or 0.
unsigned columnsOf(std::string_view shape) {
  if (!shape.starts_with("m64n") || !shape.ends_with("k16"))
    return 0;
  unsigned columns = 0;
  for (char digit : shape.substr(4, shape.size() - 7)) {
    if (digit < '0' || digit > '9' || columns > maxColumns)
      return 0;
    columns = 10 * columns + unsigned(digit - '0');
  }
  return columns % 8 || columns > maxColumns ? 0 : columns;
}

bool takeSign(Decoder &d, size_t operand) {
  int64_t scale = d.integer(operand);
  if (scale != 1 && scale != -1)
    d.fail("imm-scale-a and imm-scale-b are 1 or -1");
  return scale < 0;
}

void decodeMultiply(Decoder &d) {
  std::string_view shape = d.remaining();
  unsigned columns = columnsOf(shape);
  if (!columns || !d.take(shape))
    d.fail("unsupported shape of '" + d.statement.opcode + "'");
  Type to = d.takeType(), a = d.takeType(), b = d.takeType();
  if (!to.is(Type::Float, 32) || a != b || a.count != 1 ||
      (a.kind != Type::Half && a.kind != Type::Brain))
    d.fail("unsupported types of '" + d.statement.opcode + "'");
  d.result.size = uint8_t(columns / 8);
  std::vector<Operand> accumulators = d.elements(0);
  if (accumulators.size() != columns / 2)
    d.fail("operand 0 has " + std::to_string(columns / 2) + " registers");
  for (const Operand &part : accumulators) {
    if (part.kind != Operand::Kind::Register)
      d.fail("an accumulator is not a register");
    d.destination(part);
  }
  bool registers = d.operand(1).kind == Operand::Kind::Vector;
  if (d.operandCount() != (registers ? 7 : 8))
    d.fail("wrong number of operands");
  d.source(3, {Type::Predicate, 1});
  d.source(2, {Type::Bits, 64});
  std::vector<Operand> parts = d.elements(1);
  if (registers && parts.size() != 4)
    d.fail("A has 4 registers");
  for (const Operand &part : parts)
    d.source(part, {Type::Bits, uint8_t(registers ? 32 : 64)});
  unsigned flags =
      (registers ? RegistersA : 0) | (a.kind == Type::Brain ? Brain : 0) |
      (takeSign(d, 4) ? NegateA : 0) | (takeSign(d, 5) ? NegateB : 0);
  if (!registers && d.integer(6))
    flags |= TransposeA;
  if (d.integer(registers ? 6 : 7))
    flags |= TransposeB;
  d.result.flags = uint8_t(flags);
  d.finish(multiply);
}

void decodeWgmma(Decoder &d) {
  std::string_view kind =
      d.takeAny({"mma_async", "fence", "commit_group", "wait_group"});
  if (kind.empty() || !d.take("sync") || !d.take("aligned"))
    d.fail("unsupported instruction '" + d.statement.opcode + "'");
  if (kind == "mma_async")
    return decodeMultiply(d);
  if (kind == "wait_group") {
    d.result.immediate = d.integer(0);
    return d.finish(wait);
  }
  d.finish(kind == "fence" ? fence : commit);
}

} // namespace

void ptx::addAsyncMatrixOpcodes(OpcodeTable &table) {
  table["wgmma"] = {decodeWgmma, Class::AsyncMatrix};
}
