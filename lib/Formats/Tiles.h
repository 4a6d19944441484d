//===- Tiles.h - rows into lanes and back -----------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_FORMATS_TILES_H
#define QOPT_LIB_FORMATS_TILES_H

#include "Lanes.h"

namespace {

/// Tiles of 16 × 16 turn rows into lanes and back.
constexpr int tile = 16;
static_assert(lanes % tile == 0);
using FloatTile = float __attribute__((ext_vector_type(tile)));
using ByteTile = uint8_t __attribute__((ext_vector_type(tile)));
template <int... i> struct Indices {};
template <typename, int... i> using IndicesOf = Indices<i...>;
using TileIndices = __make_integer_seq<IndicesOf, int, tile>;

/// Exchanges the elements of a whose index has the bit `step` for those of b
/// whose index has not.
template <int step, int... i>
void exchange(FloatTile &a, FloatTile &b, Indices<i...>) {
  FloatTile first =
      __builtin_shufflevector(a, b, (i & step ? tile + (i ^ step) : i)...);
  b = __builtin_shufflevector(a, b, (i & step ? tile + i : i ^ step)...);
  a = first;
}
/// Transposes: row and column index swap one bit after the other.
template <int step = 1> void transpose(FloatTile (&rows)[tile]) {
  if constexpr (step < tile) {
#pragma clang loop unroll(full)
    for (int i = 0; i < tile; ++i)
      if (!(i & step))
        exchange<step>(rows[i], rows[i | step], TileIndices());
    transpose<2 * step>(rows);
  }
}

template <int... i>
void interleave(ByteTile a, ByteTile b, ByteTile &low, ByteTile &high,
                Indices<i...>) {
  low = __builtin_shufflevector(a, b, (i / 2 + i % 2 * tile)...);
  high = __builtin_shufflevector(a, b, (i / 2 + i % 2 * tile + tile / 2)...);
}
/// Transposes by four perfect shuffles, for which every processor has byte
/// instructions.
inline void transpose(ByteTile (&rows)[tile]) {
#pragma clang loop unroll(full)
  for (int round = 0; round < 4; ++round) {
    ByteTile shuffled[tile];
#pragma clang loop unroll(full)
    for (int i = 0; i < tile / 2; ++i)
      interleave(rows[i], rows[i + tile / 2], shuffled[2 * i],
                 shuffled[2 * i + 1], TileIndices());
    __builtin_memcpy(&rows, &shuffled, sizeof(rows));
  }
}

/// What an encoder reads next, the blocks behind these, and where it writes,
/// fetched a little at a time: beside other work that costs next to nothing,
/// and all at once would wait for memory.
class Ahead {
public:
  Ahead(const float *source, int blockElements, const uint8_t *target,
        int blockBytes)
      : source(uintptr_t(source)), target(uintptr_t(target)),
        share((blockBytes << 16) / blockElements) {}

  /// The next `floats` of the source, and as much of the target.
  void fetch(int floats) {
    constexpr int line = 64;
    for (const uintptr_t end = source + floats * sizeof(float); source < end;
         source += line)
      __builtin_prefetch(reinterpret_cast<const void *>(source), 0, 2);
    for (const uintptr_t end = target + (floats * share >> 16); target < end;
         target += line)
      __builtin_prefetch(reinterpret_cast<const void *>(target));
  }

private:
  uintptr_t source, target;
  int share; // bytes of the target per float, times 2^16
};

/// Reads `count` floats from one address per lane. `ahead` fetches what the
/// next gather reads if the blocks lie one behind the other.
template <int count, bool ahead>
void gather(const float *const (&source)[lanes], Floats *target) {
  static_assert(count % tile == 0);
  for (int lane = 0; lane < lanes; lane += tile)
    for (int i = 0; i < count; i += tile) {
      FloatTile rows[tile];
#pragma clang loop unroll(full)
      for (int r = 0; r < tile; ++r) {
        const float *address = source[lane + r] + i;
        if (ahead)
          __builtin_prefetch(reinterpret_cast<const void *>(
              uintptr_t(address) + lanes * count * sizeof(float)));
        __builtin_memcpy(&rows[r], address, sizeof(FloatTile));
      }
      transpose(rows);
#pragma clang loop unroll(full)
      for (int r = 0; r < tile; ++r)
        __builtin_memcpy(reinterpret_cast<float *>(target + i + r) + lane,
                         &rows[r], sizeof(FloatTile));
    }
}

/// Writes the first `blocks` lanes as consecutive blocks.
template <int size>
void scatter(const Bytes *block, int blocks, uint8_t *target) {
  static_assert(size >= tile);
  for (int lane = 0; lane < blocks; lane += tile)
    for (int i = 0; i < size; i += tile) {
      // The last tile overlaps the one before.
      const int first = i + tile <= size ? i : size - tile;
      ByteTile rows[tile];
#pragma clang loop unroll(full)
      for (int r = 0; r < tile; ++r)
        __builtin_memcpy(
            &rows[r],
            reinterpret_cast<const uint8_t *>(block + first + r) + lane, tile);
      transpose(rows);
      const int used = blocks - lane < tile ? blocks - lane : tile;
      for (int r = 0; r < used; ++r)
        __builtin_memcpy(target + (lane + r) * size + first, &rows[r], tile);
    }
}

} // namespace

#endif // QOPT_LIB_FORMATS_TILES_H
