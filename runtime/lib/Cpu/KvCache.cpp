//===- KvCache.cpp - keys and values of one sequence ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "KvCache.h"

#include "qopt/Formats/Half.h"

#include <sys/mman.h>

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

template <typename T, typename Convert>
void KvCache::storeAs(int64_t position, const float *key, const float *value,
                      Convert convert) {
  for (int64_t head = 0; head < layout.kvHeads; ++head) {
    T *keysTo = reinterpret_cast<T *>(const_cast<void *>(keys(head))) +
                position / lanes * lanes * layout.headDim + position % lanes;
    T *valuesTo = reinterpret_cast<T *>(const_cast<void *>(values(head))) +
                  position * stride;
    for (int64_t i = 0; i < layout.headDim; ++i) {
      keysTo[i * lanes] = convert(key[head * layout.headDim + i]);
      valuesTo[i] = convert(value[head * layout.headDim + i]);
    }
  }
}

void KvCache::store(int64_t position, const float *key, const float *value) {
  if (elements == CacheType::F16)
    storeAs<uint16_t>(position, key, value, f32ToF16);
  else
    storeAs<float>(position, key, value, [](float x) { return x; });
}
