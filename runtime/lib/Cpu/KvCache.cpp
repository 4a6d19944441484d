//===- KvCache.cpp - keys and values of one sequence ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "KvCache.h"
#include "Attention.h"

#include <algorithm>
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
  capacity = positions;
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
                    const float *value, const AttentionKernels &kernels) {
  if (elements == CacheType::F32)
    return storeAs(head, position, key, value);
  const int64_t dim = layout.headDim;
  constexpr int64_t usual = 256;
  uint16_t onStack[2 * usual];
  std::unique_ptr<uint16_t[]> onHeap;
  uint16_t *first = onStack;
  if (dim > usual) {
    onHeap.reset(new uint16_t[2 * dim]);
    first = onHeap.get();
  }
  uint16_t *second = first + dim;
  if (elements == CacheType::F16) {
    kernels.narrow(key, first, dim);
    kernels.narrow(value, second, dim);
    return storeAs(head, position, first, second);
  }
  int8_t *keyBytes = reinterpret_cast<int8_t *>(first);
  int8_t *valueBytes = reinterpret_cast<int8_t *>(second);
  const_cast<float *>(keyScales(head))[position] =
      kernels.quantize(key, keyBytes, dim);
  const_cast<float *>(valueScales(head))[position] =
      kernels.quantize(value, valueBytes, dim);
  storeAs(head, position, keyBytes, valueBytes);
}
