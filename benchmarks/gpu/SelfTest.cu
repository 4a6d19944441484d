//===- SelfTest.cu - kernels that the check must tell apart ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A module with a table of kernels such as qopt writes, of one kernel that is
// right and several that go wrong in the ways that a check has to notice.
// `gpu-check --self-test` compiles it to PTX and expects exactly that. Some
// have a workspace: they show that the check sees sums of two streams in one
// place, and flags that are not zero again. The last two show that it sees a
// kernel which does not wait for the one before it.
//
//===----------------------------------------------------------------------===//
#include "Layouts.h"

#include <cuda_fp16.h>

static constexpr int n = 72, k = 136, square = 128;

#define ROW_OF(linear, shape, block, entry, more)                              \
  "{\"linear\":\"" linear "\",\"scheme\":\"int4_g128_sym\",\"bits\":4,"        \
  "\"group\":128,\"zero\":8,\"zeros\":false," shape                            \
  ",\"activations\":\"f16\",\"entry\":\"" entry "\",\"block\":" block          \
  ",\"shared\":0,\"shared_per_row\":0,\"n_tiles\":1,\"m_tile\":1,"             \
  "\"persistent\":false,\"cluster\":1," more "}"
#define ROW(entry)                                                             \
  ROW_OF("self", "\"n\":72,\"k\":136", "96", entry,                            \
         "\"max_m\":0,\"overlap\":false")
// Flags of a block for each of up to 1000 rows, and n sums for each.
#define WORKSPACE_ROW(entry)                                                   \
  ROW_OF("self", "\"n\":72,\"k\":136", "96", entry,                            \
         "\"max_m\":1000,\"workspace\":292096")
#define CHAIN_ROW(entry)                                                       \
  ROW_OF("chain_" entry, "\"n\":128,\"k\":128", "128", entry,                  \
         "\"max_m\":0,\"overlap\":true")

// Not const, which would keep it from the driver.
extern "C" __device__ char qopt_dispatch[] =
    "{\"version\":1,\"chip\":\"any\",\"kernels\":["
    // clang-format off
    ROW("right") ","
    ROW("wrong_element") "," ROW("wrong_scale") "," ROW("unwritten") ","
    ROW("outside") "," ROW("unstable") "," ROW("reads_beyond") ","
    ROW("hangs") "," ROW("crashes") ","
    WORKSPACE_ROW("sums_in_workspace") "," WORKSPACE_ROW("sums_in_one_place") ","
    WORKSPACE_ROW("leaves_flag") ","
    CHAIN_ROW("waits") "," CHAIN_ROW("does_not_wait")
    // clang-format on
    "]}";

/// One row of y, thread by thread. With `sums` the first half of it lies there
/// for a while.
static __device__ void multiply(const __half *x, const uint8_t *packed,
                                const uint8_t *scales, __half *y, int m,
                                float factor = 1,
                                volatile float *sums = nullptr) {
  WeightFormat format = {n, k, 4, 128, 8};
  WeightPointers weight = {const_cast<uint8_t *>(packed),
                           const_cast<uint8_t *>(scales), nullptr, nullptr};
  int column = threadIdx.x;
  if (column >= n)
    return;
  for (int row = blockIdx.y; row < m; row += gridDim.y) {
    float sum = 0;
    for (int i = 0; i < k; ++i) {
      if (sums && i == k / 2) {
        sums[row * n + column] = sum;
        for (int j = 0; j < 50; ++j)
          __nanosleep(1000);
        sum = sums[row * n + column];
      }
      sum += __half2float(x[row * k + i]) * weightAt(format, weight, column, i);
    }
    y[row * n + column] = __float2half(factor * sum);
  }
}

#define KERNEL(name)                                                           \
  extern "C" __global__ void name(const __half *x, const uint8_t *packed,      \
                                  const uint8_t *scales, __half *y, int m)

KERNEL(right) { multiply(x, packed, scales, y, m); }

KERNEL(wrong_element) {
  multiply(x, packed, scales, y, m);
  __syncthreads();
  if (blockIdx.y == m - 1 && threadIdx.x == 0)
    y[m * n - 1] = __half2float(y[m * n - 1]) + 0.05f;
}

KERNEL(wrong_scale) { multiply(x, packed, scales, y, m, 1.002f); }

KERNEL(unwritten) {
  if (threadIdx.x != 5)
    multiply(x, packed, scales, y, m);
}

KERNEL(outside) {
  multiply(x, packed, scales, y, m);
  if (threadIdx.x == 0)
    y[m * n] = 0;
}

__device__ unsigned launches;

KERNEL(unstable) {
  multiply(x, packed, scales, y, m);
  __syncthreads();
  if (blockIdx.y == 0 && threadIdx.x == 0 && atomicAdd(&launches, 1) % 2)
    y[0] = __ushort_as_half(__half_as_ushort(y[0]) ^ 1);
}

/// A product with 0 of what lies behind x.
KERNEL(reads_beyond) {
  multiply(x, packed, scales, y, m);
  __syncthreads();
  if (blockIdx.y == 0 && threadIdx.x == 0)
    y[0] = __half2float(y[0]) + 0 * __half2float(x[m * k]);
}

KERNEL(hangs) {
  while (m != 0)
    __nanosleep(1000);
}

KERNEL(crashes) { y[int64_t(1) << 40] = 0; }

#define WORKSPACE_KERNEL(name)                                                 \
  extern "C" __global__ void name(const __half *x, const uint8_t *packed,      \
                                  const uint8_t *scales, __half *y, int m,     \
                                  int *workspace)

static constexpr int flagBytes = 4096;

WORKSPACE_KERNEL(sums_in_workspace) {
  multiply(x, packed, scales, y, m, 1,
           reinterpret_cast<float *>(workspace) + flagBytes / sizeof(float));
}

__device__ float onePlace[1000 * n];

WORKSPACE_KERNEL(sums_in_one_place) {
  multiply(x, packed, scales, y, m, 1, onePlace);
}

WORKSPACE_KERNEL(leaves_flag) {
  multiply(x, packed, scales, y, m);
  __syncthreads();
  if (blockIdx.y == 0 && threadIdx.x == 0 && atomicExch(workspace, 1) != 0)
    y[0] = __ushort_as_half(__half_as_ushort(y[0]) ^ 1);
}

#if __CUDA_ARCH__ >= 900
static __device__ void letNextBegin() {
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
}
static __device__ void waitForPrevious() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}
#else // kernels do not overlap there
static __device__ void letNextBegin() {}
static __device__ void waitForPrevious() {}
#endif

/// y of a square linear, stored long after x has been read: meanwhile the next
/// kernel reads its x.
static __device__ void multiplySlowly(const __half *x, const uint8_t *packed,
                                      const uint8_t *scales, __half *y, int m) {
  WeightFormat format = {square, square, 4, 128, 8};
  WeightPointers weight = {const_cast<uint8_t *>(packed),
                           const_cast<uint8_t *>(scales), nullptr, nullptr};
  for (int row = blockIdx.y; row < m; row += gridDim.y) {
    float sum = 0;
    for (int i = 0; i < square; ++i)
      sum += __half2float(x[row * square + i]) *
             weightAt(format, weight, threadIdx.x, i);
    for (int i = 0; i < 50; ++i)
      __nanosleep(1000);
    y[row * square + threadIdx.x] = __float2half(sum);
  }
}

KERNEL(waits) {
  letNextBegin();
  waitForPrevious();
  multiplySlowly(x, packed, scales, y, m);
}

KERNEL(does_not_wait) {
  letNextBegin();
  multiplySlowly(x, packed, scales, y, m);
}
