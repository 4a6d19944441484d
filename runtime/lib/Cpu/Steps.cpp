//===- Steps.cpp - what compiled code calls -------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "CpuModel.h"

#include "qopt/Formats/FormatTable.h"

#include <algorithm>
#include <chrono>

using namespace qopt;
using namespace qopt::runtime;

namespace {
/// A thread's part of `count` things.
struct Share {
  Share(const QoptRtCall *call, int64_t thread, int64_t count)
      : begin(count * thread / call->threads),
        end(count * (thread + 1) / call->threads) {}
  int64_t begin, end;
};
} // namespace

void qopt_rt_mark(const QoptRtCall *call, int64_t thread, int64_t step) {
  call->state->team.barrier();
  if (thread == 0) {
    const int64_t now =
        std::chrono::steady_clock::now().time_since_epoch().count();
    call->state->stepTimes[step] += now - call->state->lastMark;
    call->state->lastMark = now;
  }
}

void qopt_rt_embedding(const QoptRtCall *call, int64_t thread,
                       const void *table, int64_t type, int64_t columns,
                       float scale, float *y) {
  const FormatRow *format = findFormat(GgufType(type));
  const Share rows(call, thread, call->rows);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    float *target = y + row * columns;
    format->decode(static_cast<const uint8_t *>(table) +
                       call->state->tokens[row] * format->rowBytes(columns),
                   target, columns);
    if (scale != 1)
      for (int64_t i = 0; i < columns; ++i)
        target[i] *= scale;
  }
}

void qopt_rt_decode_rows(const void *blocks, int64_t type, int64_t columns,
                         int64_t firstRow, int64_t rows, float *target) {
  const FormatRow *format = findFormat(GgufType(type));
  format->decode(static_cast<const uint8_t *>(blocks) +
                     firstRow * format->rowBytes(columns),
                 target, rows * columns);
}

void qopt_rt_rope(const QoptRtCall *call, int64_t thread, int64_t rope,
                  const float *x, float *y, int64_t columns, int64_t headDim) {
  const RopeTable &table = call->state->description.ropes[rope];
  const RopeAngles &angles = call->state->angles[rope];
  const int64_t pairs = table.frequencies.size();
  const int64_t step = table.interleaved ? 2 : 1;
  const int64_t distance = table.interleaved ? 1 : pairs;
  // In units of heads, so that one token keeps all threads busy.
  const int64_t heads = columns / headDim;
  const Share units(call, thread, call->rows * heads);
  for (int64_t unit = units.begin; unit < units.end; ++unit) {
    const float *from = x + unit * headDim;
    float *to = y + unit * headDim;
    const float *cosine = angles.cosine.data() + unit / heads * pairs;
    const float *sine = angles.sine.data() + unit / heads * pairs;
    for (int64_t i = 0; i < pairs; ++i) {
      const float low = from[i * step], high = from[i * step + distance];
      to[i * step] = low * cosine[i] - high * sine[i];
      to[i * step + distance] = high * cosine[i] + low * sine[i];
    }
    if (from != to)
      std::copy(from + 2 * pairs, from + headDim, to + 2 * pairs);
  }
}

void qopt_rt_attention(const QoptRtCall *call, int64_t thread, int64_t cache,
                       const float *query, const float *key, const float *value,
                       float *y, int64_t heads, float scale, float softcap) {
  KvCache &kept = call->state->caches[cache];
  const CacheShape &shape = kept.shape();
  const int64_t past = call->state->past, rows = call->rows;
  const AttentionKernels &kernels = attentionKernels();
  // In units of heads, so that one token keeps all threads busy.
  const Share stored(call, thread, rows * shape.kvHeads);
  for (int64_t unit = stored.begin; unit < stored.end; ++unit)
    kept.store(unit % shape.kvHeads, past + unit / shape.kvHeads,
               key + unit * shape.headDim, value + unit * shape.headDim,
               kernels);
  call->state->team.barrier();

  const AttendFunction attend = kept.type() == CacheType::F16  ? kernels.half
                                : kept.type() == CacheType::I8 ? kernels.bytes
                                                               : kernels.single;
  const int64_t group = heads / shape.kvHeads;
  const int64_t queries = rows * group; // of each key/value head
  const int64_t pieces =
      (queries + AttentionTask::mostQueries - 1) / AttentionTask::mostQueries;
  // Later queries see more keys: threads take every n-th piece.
  for (int64_t number = thread; number < pieces * shape.kvHeads;
       number += call->threads) {
    const int64_t head = number % shape.kvHeads;
    const int64_t first = number / shape.kvHeads * AttentionTask::mostQueries;
    AttentionTask task;
    task.query = query + head * group * shape.headDim;
    task.output = y + head * group * shape.headDim;
    task.tokenStride = heads * shape.headDim;
    task.headDim = shape.headDim;
    task.group = group;
    task.firstQuery = first;
    task.queries = std::min(AttentionTask::mostQueries, queries - first);
    task.past = past;
    task.keys = kept.keys(head);
    task.values = kept.values(head);
    task.keyScales = kept.keyScales(head);
    task.valueScales = kept.valueScales(head);
    task.valueStride = kept.valueStride();
    task.window = shape.window;
    task.scale = scale;
    task.softcap = softcap;
    attend(task, call->state->scratch[thread].data());
  }
}
