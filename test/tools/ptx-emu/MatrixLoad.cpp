//===- MatrixLoad.cpp - ldmatrix and stmatrix -----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Matrices of 8 x 8 elements of 16 bits. Lanes 8 i ... 8 i + 7 give the
// addresses of the 16-byte rows of matrix i. Lane l holds the elements
// (l / 4, 2 (l % 4)) and (l / 4, 2 (l % 4) + 1) of each matrix; with .trans the
// elements (2 (l % 4), l / 4) and (2 (l % 4) + 1, l / 4).
//
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "Types.h"

using namespace ptx;

namespace {

using Matrix = uint16_t[8][8];

uint8_t *row(Warp &warp, const Instruction &in, unsigned lane, Access kind) {
  return access(warp, in, lane, Space(in.mode), addressOf(warp, in, 0, lane),
                16, 16, kind, false);
}

void countRows(Warp &warp, const Instruction &in) {
  for (unsigned i = 0; i < in.count; ++i)
    count(warp, in, 0xffu << 8 * i, Space(in.mode), 16);
}

void load(Warp &warp, const Instruction &in, Lanes mask) {
  warp.requireWhole(in, mask);
  countRows(warp, in);
  Matrix matrices[4];
  for (unsigned lane = 0; lane < 8u * in.count; ++lane)
    std::memcpy(matrices[lane / 8][lane % 8], row(warp, in, lane, Access::Read),
                16);
  for (unsigned i = 0; i < in.count; ++i) {
    uint64_t *d = warp.lanes(in.destination(i));
    const Matrix &m = matrices[i];
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      unsigned r = lane / 4, c = 2 * (lane % 4);
      d[lane] = in.flags ? m[c][r] | uint32_t(m[c + 1][r]) << 16
                         : m[r][c] | uint32_t(m[r][c + 1]) << 16;
    }
    warp.define(in.destination(i), mask);
  }
}

void store(Warp &warp, const Instruction &in, Lanes mask) {
  warp.requireWhole(in, mask);
  countRows(warp, in);
  Matrix matrices[4];
  for (unsigned i = 0; i < in.count; ++i) {
    const uint64_t *a = warp.lanes(in.source(1 + i));
    Matrix &m = matrices[i];
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      unsigned r = lane / 4, c = 2 * (lane % 4);
      (in.flags ? m[c][r] : m[r][c]) = uint16_t(a[lane]);
      (in.flags ? m[c + 1][r] : m[r][c + 1]) = uint16_t(a[lane] >> 16);
    }
  }
  for (unsigned lane = 0; lane < 8u * in.count; ++lane)
    std::memcpy(row(warp, in, lane, Access::Write),
                matrices[lane / 8][lane % 8], 16);
  ++warp.cta.grid.progress;
}

template <bool Store> void decode(Decoder &d) {
  d.take("sync");
  d.take("aligned");
  if (!d.take("m8n8"))
    d.fail("only matrices of 8 x 8 are supported");
  std::string_view count = d.takeAny({"x1", "x2", "x4"});
  if (count.empty())
    d.fail("expected .x1, .x2 or .x4");
  d.result.count = uint8_t(count[1] - '0');
  d.result.flags = d.take("trans");
  d.result.mode = uint8_t(d.takeSpace());
  if (d.takeType().bits != 16)
    d.fail("only elements of 16 bits are supported");
  std::vector<Operand> parts = d.elements(Store ? 1 : 0);
  if (parts.size() != d.result.count)
    d.fail("the vector has another length than the instruction says");
  if (!Store)
    for (const Operand &part : parts)
      d.destination(part);
  d.address(Store ? 0 : 1);
  if (Store)
    for (const Operand &part : parts)
      d.source(part, {Type::Bits, 32});
  d.finish(Store ? store : load);
}

} // namespace

void ptx::addMatrixLoadOpcodes(OpcodeTable &table) {
  table["ldmatrix"] = {decode<false>, Class::MatrixLoad};
  table["stmatrix"] = {decode<true>, Class::MatrixLoad};
}
