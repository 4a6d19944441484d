//===- KvCache.h - keys and values of one sequence --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// As attention reads them, for each key/value head:
//
//     keys     [position / 16][headDim][position % 16]   16 scores at a time
//     values   [position][valueStride]                   in runs of 16 channels
//
// in f16, f32 or bytes. valueStride is headDim rounded up to 16, the rest is
// zero. Bytes are multiples of max |x| / 127 of the head's key or value, whose
// scales stand in two arrays [position].
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CPU_KVCACHE_H
#define QOPT_RUNTIME_CPU_KVCACHE_H

#include <cstdint>
#include <memory>

namespace qopt::runtime {

/// Numbered as QOPT_RT_CACHE_*.
enum class CacheType : uint8_t { F16, F32, I8 };

struct AttentionKernels;

struct CacheShape {
  int64_t kvHeads = 0, headDim = 0;
  int64_t window = 0; // positions that a query sees; 0: all

  bool operator==(const CacheShape &) const = default;
};

/// The cache of one layer.
class KvCache {
public:
  static constexpr int64_t lanes = 16;
  /// Attention reads so many positions at once, seen or not.
  static constexpr int64_t tile = 64;

  KvCache() = default;
  /// Room for `positions`. False if there is no memory.
  bool allocate(const CacheShape &shape, CacheType type, int64_t positions);

  /// Stores key and value [headDim] of a head and position. Threads may store
  /// different ones at the same time.
  void store(int64_t head, int64_t position, const float *key,
             const float *value, const AttentionKernels &kernels);

  const void *keys(int64_t head) const { return at(head * headKeys); }
  const void *values(int64_t head) const {
    return at(layout.kvHeads * headKeys + head * headValues);
  }
  /// f32 scales [position] of a head; null unless they are bytes.
  const float *keyScales(int64_t head) const { return scales(2 * head); }
  const float *valueScales(int64_t head) const { return scales(2 * head + 1); }
  const CacheShape &shape() const { return layout; }
  CacheType type() const { return elements; }
  int64_t valueStride() const { return stride; }
  int64_t bytes() const {
    const int64_t scaleBytes =
        elements == CacheType::I8 ? layout.kvHeads * 2 * capacity * 4 : 0;
    return elementsEnd() + scaleBytes;
  }

private:
  int64_t elementBytes() const {
    return elements == CacheType::I8 ? 1 : elements == CacheType::F16 ? 2 : 4;
  }
  int64_t elementsEnd() const {
    return layout.kvHeads * (headKeys + headValues) * elementBytes();
  }
  const float *scales(int64_t number) const {
    if (elements != CacheType::I8)
      return nullptr;
    return reinterpret_cast<const float *>(memory.get() + elementsEnd()) +
           number * capacity;
  }
  const void *at(int64_t element) const {
    return memory.get() + element * elementBytes();
  }
  template <typename T>
  void storeAs(int64_t head, int64_t position, const T *key, const T *value);

  struct Unmap {
    int64_t bytes;
    void operator()(uint8_t *memory) const;
  };
  CacheShape layout;
  CacheType elements = CacheType::F16;
  int64_t stride = 0, headKeys = 0, headValues = 0; // in elements
  int64_t capacity = 0;                             // positions
  std::unique_ptr<uint8_t, Unmap> memory;
};

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CPU_KVCACHE_H
