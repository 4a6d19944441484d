//===- Weight.h - a weight on the device, and calls with it -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_BENCHMARKS_GPU_WEIGHT_H
#define QOPT_BENCHMARKS_GPU_WEIGHT_H

#include "CudaModule.h"
#include "Device.h"
#include "Kernels.h"

WeightFormat formatOf(const qopt::runtime::KernelRow &row);
Activation activationOf(const qopt::runtime::KernelRow &row);
/// Bytes of a buffer for all components of a weight.
int64_t weightBytes(const WeightFormat &format);
/// Where they are in it.
WeightPointers componentsOf(const WeightFormat &format, const Buffer &buffer);
/// A call of `name`, a linear or an entry; the name has to outlive it.
QoptCudaCall callOf(QoptCudaModule &module, const std::string &name,
                    const void *x, const WeightPointers &weight, void *y,
                    int64_t m);
/// Throws what the runtime says.
void launch(const QoptCudaCall &call, cudaStream_t stream);

#endif // QOPT_BENCHMARKS_GPU_WEIGHT_H
