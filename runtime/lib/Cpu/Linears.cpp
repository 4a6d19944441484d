//===- Linears.cpp - sharing linears out among threads --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CpuModel.h"

#include <algorithm>

using namespace qopt::runtime;

void qopt_rt_barrier(const QoptRtCall *call, int64_t) {
  call->state->team.barrier();
}

/// How many of the blocks that are left a thread takes: half of its share, so
/// that one which was held up does not keep the others waiting, down to a
/// quarter, because each piece costs the start of a stream; down to a half for
/// many rows, which each piece prepares once more.
static int64_t pieceOf(int64_t left, int64_t blocks, int64_t threads,
                       int64_t rows) {
  if (threads == 1)
    return left;
  const int64_t cuts = rows > 8 ? 2 : 4;
  const int64_t least = std::max<int64_t>(1, blocks / (cuts * threads));
  return std::min(left, std::max(least, left / (2 * threads)));
}

void qopt_rt_linear(const QoptRtCall *call, int64_t thread, QoptRtKernel kernel,
                    const void *const *components, const float *x, float *y,
                    int64_t rows, int64_t blocks, int64_t counter) {
  if (rows == 0)
    return;
  std::atomic<int64_t> &next = call->state->counters[counter].next;
  int64_t first = next.load(std::memory_order_relaxed);
  while (first < blocks) {
    const int64_t end =
        first + pieceOf(blocks - first, blocks, call->threads, rows);
    if (!next.compare_exchange_weak(first, end, std::memory_order_relaxed))
      continue;
    kernel(components, x, y, rows, first, end);
    first = next.load(std::memory_order_relaxed);
  }
}

void qopt_rt_linear_prepared(const QoptRtCall *call, int64_t thread,
                             QoptRtKernel kernel, const void *const *components,
                             const float *x, float *y, int64_t rows,
                             int64_t blocks, int64_t counter,
                             QoptRtPrepare prepare, QoptRtKernel row,
                             void *prepared) {
  if (rows != 1)
    return qopt_rt_linear(call, thread, kernel, components, x, y, rows, blocks,
                          counter);
  if (prepare)
    prepare(x, prepared);
  qopt_rt_linear(call, thread, row, components,
                 static_cast<const float *>(prepared), y, rows, blocks,
                 counter);
}

/// The blocks that a thread starts a linear of one row with. They are known
/// beforehand, so that threads which wait can fetch them.
static int64_t firstOwnBlock(int64_t blocks, int64_t threads, int64_t thread) {
  return blocks * thread / threads;
}

/// At most a part of the second-level cache.
static constexpr int64_t mostFetched = 512 << 10;

void qopt_rt_barrier_fetching(const QoptRtCall *call, int64_t thread,
                              const void *codes, int64_t blocks,
                              int64_t blockBytes) {
  const int64_t first = firstOwnBlock(blocks, call->threads, thread);
  const int64_t end = firstOwnBlock(blocks, call->threads, thread + 1);
  const char *begin = static_cast<const char *>(codes) + first * blockBytes;
  call->state->team.barrier(begin,
                            std::min((end - first) * blockBytes, mostFetched));
}

/// The next piece of what a thread owns, counted from 0 in this run.
static int64_t takePiece(std::atomic<uint64_t> &taken, uint32_t run) {
  uint64_t seen = taken.load(std::memory_order_relaxed);
  for (;;) {
    const uint32_t next = seen >> 32 == run ? uint32_t(seen) : 0;
    if (taken.compare_exchange_weak(seen, (uint64_t(run) << 32) | (next + 1),
                                    std::memory_order_relaxed))
      return next;
  }
}

void qopt_rt_linear_row(const QoptRtCall *call, int64_t thread,
                        QoptRtPiece piece, const void *const *arguments,
                        int64_t blocks, int64_t counter) {
  // Small enough that a thread which was held up does not keep the others
  // waiting for long: they take what it has not begun.
  constexpr int64_t pieces = 8;
  QoptRtState &state = *call->state;
  for (int64_t i = 0; i < call->threads; ++i) {
    const int64_t owner = (thread + i) % call->threads;
    const int64_t first = firstOwnBlock(blocks, call->threads, owner);
    const int64_t count =
        firstOwnBlock(blocks, call->threads, owner + 1) - first;
    std::atomic<uint64_t> &taken =
        state.pieces[counter * call->threads + owner].taken;
    for (int64_t number = takePiece(taken, state.run); number < pieces;
         number = takePiece(taken, state.run)) {
      const int64_t begin = count * number / pieces;
      const int64_t end = count * (number + 1) / pieces;
      if (begin < end)
        piece(arguments, first + begin, first + end);
    }
  }
}
