//===- Kernels.cu - the harness's own kernels -----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Kernels.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

static constexpr int threads = 256;
static constexpr int mostBlocks = 4096;

static int blocksFor(int64_t count) {
  int64_t blocks = (count + threads - 1) / threads;
  return int(blocks < 1 ? 1 : blocks > mostBlocks ? mostBlocks : blocks);
}

/// i runs over [0, count) across the grid.
#define FOR_EACH(i, count)                                                     \
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;             \
       i < (count); i += int64_t(gridDim.x) * blockDim.x)

/// A well mixed function of its arguments.
__device__ static uint32_t random(uint64_t index, uint32_t seed) {
  uint64_t x = (index + 1) * 0x9e3779b97f4a7c15ull ^
               uint64_t(seed) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return uint32_t(x >> 32 ^ x);
}
__device__ static float uniform(uint64_t index, uint32_t seed) {
  return float(random(index, seed) >> 8) * (1.0f / (1 << 24));
}

__device__ static float toFloat(__half value) { return __half2float(value); }
__device__ static float toFloat(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

__global__ static void fillCodes(uint32_t *words, int64_t count,
                                 uint32_t seed) {
  FOR_EACH(i, count) words[i] = random(i, seed);
}

__device__ static void putHalf(uint8_t *bytes, int64_t index, float value) {
  reinterpret_cast<__half *>(bytes)[index] = __float2half(value);
}

/// Scales and zero points or minima of a group, or its levels.
__global__ static void fillGroups(WeightFormat format, WeightPointers weight,
                                  uint32_t seed, float size) {
  FOR_EACH(i, format.paddedRows() * format.groups()) {
    int64_t row = i / format.groups(), group = i % format.groups();
    bool inside = row < format.n && group * format.groupLength() < format.k;
    uint32_t bits = inside ? random(i, seed + 1) : 0;
    int codes = 1 << format.bits;
    if (format.superScales) {
      int64_t place = format.levelIndex(row, group);
      int level = format.nibbles() ? bits & 255
                  : format.minima  ? bits & 63
                                   : bits & 255;
      weight.scales[place] = level;
      if (format.minima && !format.nibbles())
        weight.scales[place + 2] = bits >> 8 & 63;
      continue;
    }
    float scale =
        inside ? size * 0.16f / codes * (0.5f + uniform(i, seed + 2)) : 0;
    int64_t place = format.halfIndex(row, group, format.groups());
    putHalf(weight.scales, place, scale);
    if (format.minima)
      putHalf(weight.scales, place + 2, -scale * codes * uniform(i, seed + 3));
    if (format.zeros)
      weight.zeros[format.zeroIndex(row, group)] = bits & (codes - 1);
  }
}

__global__ static void fillSuperBlocks(WeightFormat format,
                                       WeightPointers weight, uint32_t seed,
                                       float size) {
  FOR_EACH(i, format.paddedRows() * format.superBlocks()) {
    int64_t row = i / format.superBlocks(), block = i % format.superBlocks();
    int64_t place = format.halfIndex(row, block, format.superBlocks());
    float levels = format.nibbles() ? 15 : format.minima ? 63 : 127;
    float d =
        row < format.n ? size * (0.5f + uniform(i, seed + 4)) / levels : 0;
    putHalf(weight.superScales, place, 0.16f / (1 << format.bits) * d);
    if (format.minima)
      putHalf(weight.superScales, place + 2, 0.08f * d);
  }
}

void fillWeight(const WeightFormat &format, const WeightPointers &weight,
                uint32_t seed, float size, cudaStream_t stream) {
  int64_t words = format.packedBytes() / 4;
  fillCodes<<<blocksFor(words), threads, 0, stream>>>(
      reinterpret_cast<uint32_t *>(weight.packed), words, seed);
  int64_t groups = format.paddedRows() * format.groups();
  fillGroups<<<blocksFor(groups), threads, 0, stream>>>(format, weight, seed,
                                                        size);
  int64_t blocks = format.paddedRows() * format.superBlocks();
  if (blocks > 0)
    fillSuperBlocks<<<blocksFor(blocks), threads, 0, stream>>>(format, weight,
                                                               seed, size);
}

template <typename T>
__global__ static void fillUniform(T *values, int64_t count, uint32_t seed) {
  FOR_EACH(i, count) values[i] = T(2 * uniform(i, seed) - 1);
}

void fillActivations(void *values, int64_t count, Activation type,
                     uint32_t seed, cudaStream_t stream) {
  if (type == Activation::F16)
    fillUniform<<<blocksFor(count), threads, 0, stream>>>(
        static_cast<__half *>(values), count, seed);
  else
    fillUniform<<<blocksFor(count), threads, 0, stream>>>(
        static_cast<__nv_bfloat16 *>(values), count, seed);
}

__global__ static void decodeAll(WeightFormat format, WeightPointers weight,
                                 float *dense) {
  FOR_EACH(i, format.n * format.k)
  dense[i] = weightAt(format, weight, i / format.k, i % format.k);
}

void decodeWeight(const WeightFormat &format, const WeightPointers &weight,
                  float *dense, cudaStream_t stream) {
  decodeAll<<<mostBlocks, threads, 0, stream>>>(format, weight, dense);
}

template <typename T>
__global__ static void widenAll(const T *values, float *wide, int64_t count) {
  FOR_EACH(i, count) wide[i] = toFloat(values[i]);
}

void widen(const void *values, float *wide, int64_t count, Activation type,
           cudaStream_t stream) {
  if (type == Activation::F16)
    widenAll<<<blocksFor(count), threads, 0, stream>>>(
        static_cast<const __half *>(values), wide, count);
  else
    widenAll<<<blocksFor(count), threads, 0, stream>>>(
        static_cast<const __nv_bfloat16 *>(values), wide, count);
}

template <typename T>
__global__ static void compareAll(const T *y, const float *reference,
                                  int64_t count, Difference *difference) {
  double error = 0, sum = 0, squares = 0;
  float largest = 0;
  unsigned long long notNumbers = 0;
  FOR_EACH(i, count) {
    float value = toFloat(y[i]), expected = reference[i];
    sum += fabsf(expected);
    squares += double(expected) * expected;
    if (!isfinite(value)) {
      ++notNumbers;
      continue;
    }
    float distance = fabsf(value - expected);
    error += distance;
    largest = fmaxf(largest, distance);
  }
  atomicAdd(&difference->sumError, error);
  atomicAdd(&difference->sumReference, sum);
  atomicAdd(&difference->sumSquares, squares);
  atomicAdd(&difference->notNumbers, notNumbers);
  // The bits of numbers that are not negative are in their order.
  atomicMax(reinterpret_cast<unsigned *>(&difference->maxError),
            __float_as_uint(largest));
}

void compare(const void *y, const float *reference, int64_t count,
             Activation type, Difference *difference, cudaStream_t stream) {
  constexpr int blocks = 128; // few, because each thread adds with atomics
  cudaMemsetAsync(difference, 0, sizeof(Difference), stream);
  if (type == Activation::F16)
    compareAll<<<blocks, threads, 0, stream>>>(static_cast<const __half *>(y),
                                               reference, count, difference);
  else
    compareAll<<<blocks, threads, 0, stream>>>(
        static_cast<const __nv_bfloat16 *>(y), reference, count, difference);
}

__global__ static void countOtherAll(const uint8_t *bytes, int64_t size,
                                     uint8_t value, unsigned long long *count) {
  FOR_EACH(i, size)
  if (bytes[i] != value)
    atomicAdd(count, 1);
}

void countOther(const uint8_t *bytes, int64_t size, uint8_t value,
                unsigned long long *count, cudaStream_t stream) {
  countOtherAll<<<blocksFor(size), threads, 0, stream>>>(bytes, size, value,
                                                         count);
}

__global__ static void countDifferentAll(const uint16_t *a, const uint16_t *b,
                                         int64_t words,
                                         unsigned long long *count) {
  FOR_EACH(i, words)
  if (a[i] != b[i])
    atomicAdd(count, 1);
}

void countDifferent(const void *a, const void *b, int64_t words,
                    unsigned long long *count, cudaStream_t stream) {
  countDifferentAll<<<blocksFor(words), threads, 0, stream>>>(
      static_cast<const uint16_t *>(a), static_cast<const uint16_t *>(b), words,
      count);
}

__device__ uint32_t sink; // never written, but the compiler cannot know

__global__ static void readEverything(const uint4 *data, int64_t count) {
  constexpr int inFlight = 8; // loads before the first use
  uint32_t mix = 0;
  int64_t step = int64_t(gridDim.x) * blockDim.x;
  int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  for (; i + (inFlight - 1) * step < count; i += inFlight * step) {
    uint4 values[inFlight];
    for (int j = 0; j < inFlight; ++j)
      values[j] = __ldcs(&data[i + j * step]);
    for (uint4 value : values)
      mix ^= value.x ^ value.y ^ value.z ^ value.w;
  }
  for (; i < count; i += step)
    mix ^= data[i].x ^ data[i].y ^ data[i].z ^ data[i].w;
  if (mix == 0x12345679)
    sink = mix;
}

void readAll(const void *data, int64_t bytes, cudaStream_t stream) {
  readEverything<<<1024, 512, 0, stream>>>(static_cast<const uint4 *>(data),
                                           bytes / 16);
}

__global__ static void nothing() {}

void doNothing(cudaStream_t stream) { nothing<<<128, 128, 0, stream>>>(); }
