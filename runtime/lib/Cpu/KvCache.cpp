//===- KvCache.cpp - keys and values of one sequence ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "KvCache.h"

#include <algorithm>
#include <sys/mman.h>
#include <vector>

using namespace qopt;
using namespace qopt::runtime;

void KvCache::Unmap::operator()(uint8_t *memory) const {
  munmap(memory, bytes);
}

bool KvCache::allocate(const CacheShape &shape, CacheType type,
                       int64_t positions) {
  layout = shape;
  elements = type;
  positions = (positions + tile - 1) / tile * tile;
  stride = (shape.headDim + lanes - 1) / lanes * lanes;
  headKeys = positions * shape.headDim;
  headValues = positions * stride;
  // Zeros from the system: pages that are never written cost no memory.
  void *pages = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    return false;
  memory = {static_cast<uint8_t *>(pages), Unmap{bytes()}};
  return true;
}

template <typename T>
void KvCache::storeAs(int64_t head, int64_t position, const T *key,
                      const T *value) {
  T *keysTo = reinterpret_cast<T *>(const_cast<void *>(keys(head))) +
              position / lanes * lanes * layout.headDim + position % lanes;
  for (int64_t i = 0; i < layout.headDim; ++i)
    keysTo[i * lanes] = key[i];
  std::copy_n(value, layout.headDim,
              reinterpret_cast<T *>(const_cast<void *>(values(head))) +
                  position * stride);
}

void KvCache::store(int64_t head, int64_t position, const float *key,
                    const float *value, Narrow narrow) {
  if (elements == CacheType::F32)
    return storeAs(head, position, key, value);
  constexpr int64_t most = 256;
  if (layout.headDim > most) {
    std::vector<uint16_t> halves(2 * layout.headDim);
    narrow(key, halves.data(), layout.headDim);
    narrow(value, &halves[layout.headDim], layout.headDim);
    return storeAs(head, position, halves.data(), &halves[layout.headDim]);
  }
  uint16_t halves[2 * most];
  narrow(key, halves, layout.headDim);
  narrow(value, halves + most, layout.headDim);
  storeAs<uint16_t>(head, position, halves, halves + most);
}
