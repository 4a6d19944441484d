//===- Weight.cpp - a weight on the device, and calls with it -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Weight.h"

using qopt::runtime::KernelRow;

static int64_t aligned(int64_t bytes) { return (bytes + 255) / 256 * 256; }

WeightFormat formatOf(const KernelRow &row) {
  return {row.n,    row.k,     row.bits,   row.group,
          row.zero, row.zeros, row.minima, row.superScales};
}

Activation activationOf(const KernelRow &row) {
  return row.activations == "bf16" ? Activation::BF16 : Activation::F16;
}

int64_t weightBytes(const WeightFormat &format) {
  return aligned(format.packedBytes()) + aligned(format.scaleBytes()) +
         aligned(format.zeroBytes()) + aligned(format.superBytes());
}

WeightPointers componentsOf(const WeightFormat &format, const Buffer &buffer) {
  int64_t scales = aligned(format.packedBytes());
  int64_t zeros = scales + aligned(format.scaleBytes());
  int64_t superScales = zeros + aligned(format.zeroBytes());
  return {buffer.get(), buffer.get(scales),
          format.zeros ? buffer.get(zeros) : nullptr,
          format.superScales ? buffer.get(superScales) : nullptr};
}

QoptCudaCall callOf(QoptCudaModule &module, const std::string &name,
                    const void *x, const WeightPointers &weight, void *y,
                    int64_t m) {
  auto address = [](const void *pointer) {
    return reinterpret_cast<QoptCudaPointer>(pointer);
  };
  return {&module,
          name.c_str(),
          address(x),
          {address(weight.packed), address(weight.scales),
           address(weight.zeros), address(weight.superScales)},
          address(y),
          int32_t(m),
          /*weightPending=*/0,
          /*order=*/0,
          /*permuted=*/0};
}

void launch(const QoptCudaCall &call, cudaStream_t stream) {
  char error[8192];
  if (qopt_cuda_launch(&call, stream, error, sizeof(error)) != 0)
    throw std::runtime_error(error);
}
