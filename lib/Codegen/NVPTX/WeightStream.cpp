//===- WeightStream.cpp - packed weights through shared memory ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WeightStream.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t tilesPerChunk =
    MmaLayout::chunkColumns / MmaLayout::tileColumns;
static constexpr int64_t codeBytes = tilesPerChunk * MmaLayout::tileBytes;
static constexpr int64_t wordBytes = 32 * 4; // one word per lane

WeightStream::WeightStream(KernelBuilder &b, const LinearSpec &spec,
                           Value packed, Value scales, Value zeros, Value lane)
    : decode(b, spec.activation), b(b), spec(spec) {
  Value g = b.div(lane, 4);
  this->packed = b.advance(packed, lane, 16);
  this->scales = b.advance(scales, g, 4);
  if (zeros) {
    // Rows g and g + 8 at bytes 2 g and 2 g + 1: the aligned word around them.
    this->zeros = b.advance(zeros, b.div(g, 2), 4);
    zeroByte = b.mul(b.rem(g, 2), 2);
  }
  lane16 = b.mul(lane, 16);
  lane4 = b.mul(lane, 4);
  policy = b.evictFirst();
}

int64_t WeightStream::slotBytes(const LinearSpec &spec) {
  int64_t words = spec.groupsPerChunk() * (spec.hasZeros() ? 2 : 1);
  return codeBytes + words * wordBytes;
}

void WeightStream::copy(Value address, Value tile, Value chunk, Value present) {
  Value chunkOfAll = b.add(b.mul(tile, spec.chunks()), chunk);
  Value codes = b.advance(packed, chunkOfAll, codeBytes);
  Value target = b.add(address, lane16);
  for (int64_t i = 0; i < tilesPerChunk; ++i)
    b.copyAsync(b.add(target, i * MmaLayout::tileBytes),
                b.advance(codes, b.i32(i), MmaLayout::tileBytes), 16, present,
                policy);

  int64_t groups = spec.groupsPerChunk();
  Value group =
      groups > 1
          ? b.mul(chunk, groups)
          : b.div(chunk, std::max<int64_t>(1, spec.groupLength() /
                                                  MmaLayout::chunkColumns));
  Value groupOfAll = b.add(b.mul(tile, spec.weight.paddedGroups()), group);
  target = b.add(b.add(address, lane4), codeBytes);
  auto copyWords = [&](Value source, int64_t bytes) {
    Value first = b.advance(source, groupOfAll, bytes);
    for (int64_t i = 0; i < groups; ++i) {
      b.copyAsync(target, b.advance(first, b.i32(i), bytes), 4, present);
      target = b.add(target, wordBytes);
    }
  };
  copyWords(scales, 2 * MmaLayout::tileRows);
  if (zeros)
    copyWords(zeros, MmaLayout::tileRows);
}

ChunkWords WeightStream::read(Value address) {
  ChunkWords result;
  result.codes = b.add(address, lane16);
  Value word = b.add(b.add(address, lane4), codeBytes);
  auto readWords = [&](SmallVectorImpl<Value> &words) {
    for (int64_t i = 0; i < spec.groupsPerChunk(); ++i) {
      words.push_back(b.loadShared(b.getI32Type(), word, 4));
      word = b.add(word, wordBytes);
    }
  };
  readWords(result.scales);
  if (zeros)
    readWords(result.zeros);
  return result;
}

std::array<Value, 4> WeightStream::codesOf(const ChunkWords &words,
                                           int64_t tile) {
  Value all = b.loadShared(b.words(),
                           b.add(words.codes, tile * MmaLayout::tileBytes), 16);
  std::array<Value, 4> result;
  for (int64_t s = 0; s < 4; ++s)
    result[s] = b.element(all, s);
  return result;
}

Dequantizer::Offset WeightStream::offsetOf(const ChunkWords &words,
                                           int64_t group) {
  return zeros ? decode.loadedOffset(words.zeros[group], zeroByte)
               : decode.constantOffset(8);
}
