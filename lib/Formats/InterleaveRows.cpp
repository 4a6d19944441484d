//===- InterleaveRows.cpp - 16 rows at a time into dword lanes ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Numbers of 16 rows (RowLanes.h) go into the lanes that they have in the
// layout. Planes of codes are put together by shifts and masks, for all rows at
// once.
//
//===----------------------------------------------------------------------===//
#include "Blocks.h"
#include "RowLanes.h"

using namespace qopt;

namespace {

constexpr int chunkWords = 8; // of four codes
constexpr int pieceWords = InterleavePlan::pieceColumns / 4;

//===----------------------------------------------------------------------===//
// Bytes into the layout
//===----------------------------------------------------------------------===//

/// A number of every lane.
template <typename Numbers>
void store(Numbers numbers, const RowGroup &group, uint8_t *target) {
  if (group.stored == lanes)
    __builtin_memcpy(target, &numbers, sizeof(numbers));
  else
    __builtin_memcpy(target, &numbers, sizeof(numbers) / lanes * group.stored);
}

/// A dword of every lane. Whole lines go past the caches: to have them there
/// first would be a third transfer beside reading and writing.
void storeDwords(Words dwords, const RowGroup &group, uint8_t *target) {
  if (group.stored == lanes && uintptr_t(target) % sizeof(dwords) == 0)
    __builtin_nontemporal_store(dwords, reinterpret_cast<Words *>(target));
  else
    store(dwords, group, target);
}

/// Writes numbers [blocks, count, R] of one block and its lanes.
class Column {
public:
  Column(const InterleavePlan &plan, const RowGroup &group, uint8_t *target,
         int64_t count)
      : group(group), rows(plan.blockRows), target(target),
        first(group.block * count * rows + group.lane) {}

  /// Number `i`, which is in the low bits.
  void storeHalf(int64_t i, Words number) const {
    store(__builtin_convertvector(number, Halves), group,
          target + 2 * (first + i * rows));
  }
  void storeByte(int64_t i, Words number) const {
    store(__builtin_convertvector(number, Bytes), group,
          target + first + i * rows);
  }
  /// Four bytes to a word.
  void storeBytes(int64_t i, const Words *words, int count) const {
    for (int j = 0; j < count; ++j)
      storeByte(i + j, words[j / 4] >> 8 * (j % 4));
  }

private:
  const RowGroup &group;
  int64_t rows;
  uint8_t *target;
  int64_t first;
};

/// A plane of one chunk.
template <int width>
void storePlane(const Words *codes, const BitPlane &plane,
                const RowGroup &group, uint8_t *target, int64_t vectorBytes) {
  constexpr int fields = 8 / width;
  constexpr uint32_t mask = ((1u << width) - 1) * 0x01010101u;
#pragma clang loop unroll(full)
  for (int i = 0; i < width; ++i) {
    Words dword = 0;
#pragma clang loop unroll(full)
    for (int field = 0; field < fields; ++field)
      dword |= (codes[fields * i + field] >> plane.firstBit & mask)
               << width * field;
    storeDwords(dword, group, target + (plane.firstDword + i) * vectorBytes);
  }
}

/// Chunks of a row from `firstChunk` on.
void storeChunks(const InterleavePlan &plan, const RowGroup &group,
                 const Words *codes, int64_t firstChunk, int64_t count) {
  const int64_t vectorBytes = 4 * plan.blockRows;
  uint8_t *target =
      plan.packed + 4 * group.lane +
      (group.block * plan.chunks + firstChunk) * plan.bits * vectorBytes;
  for (int64_t chunk = 0; chunk < count; ++chunk) {
    for (int i = 0; i < plan.planeCount; ++i) {
      const BitPlane &plane = plan.planes[i];
      if (plane.width == 8)
        storePlane<8>(codes, plane, group, target, vectorBytes);
      else if (plane.width == 4)
        storePlane<4>(codes, plane, group, target, vectorBytes);
      else if (plane.width == 2)
        storePlane<2>(codes, plane, group, target, vectorBytes);
      else
        storePlane<1>(codes, plane, group, target, vectorBytes);
    }
    codes += chunkWords;
    target += plan.bits * vectorBytes;
  }
}

//===----------------------------------------------------------------------===//
// GGUF types
//===----------------------------------------------------------------------===//

void interleaveBlocks(const InterleavePlan &plan, const RowGroup &group) {
  const BlockFields &fields = *plan.fields;
  const AffineHierarchy &h = fields.hierarchy;
  const bool levels = plan.superScales;
  const int elements = plan.elements, ofBlock = elements / int(h.groupSize);
  const Words flip = group.everywhere(fields.codeFlip),
              offset = group.everywhere(uint8_t(-fields.levelOffset));
  const Column scales(plan, group, plan.scales, plan.groups),
      minima(plan, group, plan.minima, plan.groups),
      superScales(plan, group, plan.superScales, plan.superBlocks),
      superMinima(plan, group, plan.superMinima, plan.superBlocks);
  Words source[4 * pieceQuads], codes[pieceWords], level[4], minimum[4];
  for (int64_t block = 0; block < plan.columns / elements; ++block) {
    loadBytes(plan.blocks, group, block * plan.bytes, plan.bytes, source);
    if (fields.ternaryDigits)
      readDigits(source, codes);
    else
      readNumbers(plan.codes, source, codes);
    if (fields.codeFlip)
      for (int word = 0; word < elements / 4; ++word)
        codes[word] = addBytes(codes[word], flip);
    storeChunks(plan, group, codes, block * elements / 32, elements / 32);

    const Words scale = bitsAt(source, 8 * fields.scaleByte);
    if (!levels) {
      if (h.scale == AffineHierarchy::Scale::Exponent)
        scales.storeByte(block, scale);
      else
        scales.storeHalf(block, scale);
      if (plan.minima)
        minima.storeHalf(block, bitsAt(source, 8 * fields.minimumByte));
      continue;
    }
    superScales.storeHalf(block, scale);
    readNumbers(plan.levels, source, level);
    if (fields.levelOffset)
      for (int word = 0; word < plan.levels.words; ++word)
        level[word] = addBytes(level[word], offset);
    if (plan.superMinima) {
      superMinima.storeHalf(block, bitsAt(source, 8 * fields.minimumByte));
      readNumbers(plan.minimumLevels, source, minimum);
      if (h.nibbleLevels)
        for (int word = 0; word < plan.levels.words; ++word)
          level[word] |= minimum[word] << 4;
      else
        minima.storeBytes(block * ofBlock, minimum, ofBlock);
    }
    scales.storeBytes(block * ofBlock, level, ofBlock);
  }
}

//===----------------------------------------------------------------------===//
// The grouped scheme
//===----------------------------------------------------------------------===//

/// Up to 256 columns of a run; `place` is their first chunk.
void interleaveCodes(const InterleavePlan &plan, const RowGroup &group,
                     int64_t column, int columns, int64_t place) {
  Words source[4 * pieceQuads], codes[pieceWords];
  const int words = (columns + 3) / 4;
  const int64_t bit = column * plan.bits;
  const WordRun run = {0,         words, int(bit % 8), 4 * plan.bits,
                       plan.bits, 0,     true};
  // The last word may look into the dword behind its own bits.
  loadBytes(plan.blocks, group, bit / 8, (run.bit + words * run.step + 63) / 8,
            source);
  readRun(run, source, codes);
  if (columns % 4)
    codes[words - 1] &= (1u << 8 * (columns % 4)) - 1;
  const int chunks = (columns + 31) / 32;
  for (int word = words; word < chunks * chunkWords; ++word)
    codes[word] = 0;
  storeChunks(plan, group, codes, place, chunks);
}

void interleaveGroups(const InterleavePlan &plan, const RowGroup &group) {
  int64_t chunk = 0; // where the run begins
  for (int64_t first = 0; first < plan.columns; first += plan.runColumns) {
    const int64_t left = plan.columns - first,
                  run = left < plan.runColumns ? left : plan.runColumns;
    constexpr int piece = InterleavePlan::pieceColumns;
    for (int64_t column = 0; column < run; column += piece)
      interleaveCodes(plan, group, first + column,
                      run - column < piece ? int(run - column) : piece,
                      chunk + column / 32);
    chunk += plan.chunksPerRun;
  }
  Words numbers[4];
  const Column scales(plan, group, plan.scales, plan.groups);
  for (int64_t i = 0; i < plan.groups; i += 8) {
    loadBytes(plan.groupScales, group, 2 * i, 16, numbers);
    for (int j = 0; j < 8 && i + j < plan.groups; ++j)
      scales.storeHalf(i + j, numbers[j / 2] >> 16 * (j % 2));
  }
  if (!plan.minima)
    return;
  const Column zeros(plan, group, plan.minima, plan.groups);
  for (int64_t i = 0; i < plan.groups; i += 16) {
    loadBytes(plan.groupZeros, group, i, 16, numbers);
    zeros.storeBytes(i, numbers,
                     plan.groups - i < 16 ? int(plan.groups - i) : 16);
  }
}

} // namespace

void qopt::detail::QOPT_CODECS::interleaveRows(const InterleavePlan &plan) {
  const int64_t blockRows = plan.blockRows;
  for (int64_t block = 0; block * blockRows < plan.rows; ++block)
    for (int64_t lane = 0; lane < blockRows; lane += lanes) {
      const int64_t row = block * blockRows + lane,
                    stored =
                        blockRows - lane < lanes ? blockRows - lane : lanes,
                    left = plan.rows - row,
                    used = left < 0        ? 0
                           : left < stored ? left
                                           : stored;
      const RowGroup group = {block, lane, row, int(used), int(stored)};
      if (plan.fields)
        interleaveBlocks(plan, group);
      else
        interleaveGroups(plan, group);
    }
  // Before other threads learn that it is there.
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
