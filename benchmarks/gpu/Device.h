//===- Device.h - checked calls and owned memory ----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_DEVICE_H
#define QOPT_BENCHMARKS_GPU_DEVICE_H

#include <cstdint>
#include <cuda_runtime.h>
#include <stdexcept>
#include <string>
#include <utility>

inline void check(cudaError_t code, const char *what) {
  if (code != cudaSuccess)
    throw std::runtime_error(std::string(what) + ": " +
                             cudaGetErrorString(code));
}

/// Waits; errors of earlier kernels surface here.
inline void finish(cudaStream_t stream, const char *what) {
  check(cudaGetLastError(), what);
  check(cudaStreamSynchronize(stream), what);
}

/// Memory on the device.
class Buffer {
public:
  Buffer() = default;
  explicit Buffer(int64_t bytes) : length(bytes) {
    check(cudaMalloc(&address, bytes), "allocating");
  }
  Buffer(Buffer &&other) noexcept { swap(other); }
  Buffer &operator=(Buffer &&other) noexcept {
    swap(other);
    return *this;
  }
  ~Buffer() {
    if (address)
      cudaFree(address);
  }
  /// Grows to at least `bytes`; the contents are lost then.
  void reserve(int64_t bytes) {
    if (bytes <= length)
      return;
    *this = Buffer();
    *this = Buffer(bytes);
  }

  template <typename T = uint8_t> T *get(int64_t offset = 0) const {
    return reinterpret_cast<T *>(static_cast<uint8_t *>(address) + offset);
  }
  int64_t size() const { return length; }

private:
  void swap(Buffer &other) {
    std::swap(address, other.address);
    std::swap(length, other.length);
  }
  void *address = nullptr;
  int64_t length = 0;
};

#endif // QOPT_BENCHMARKS_GPU_DEVICE_H
