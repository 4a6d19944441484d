//===- Linear.cpp - one linear of a module under test ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Linear.h"
#include "Streams.h"

#include <cmath>

using qopt::runtime::KernelRow;

/// Bytes before and after y and x that nobody may touch. All ones are NaN in
/// both types, so that a kernel which multiplies what lies there is found too.
static constexpr int64_t guard = 4096;
static constexpr int poison = 0xff;

Linear::Linear(const KernelRow &row, Timer &timer, Blas &blas)
    : format(formatOf(row)), type(activationOf(row)), timer(timer), blas(blas) {
  weights.emplace_back(weightBytes(format));
  fillWeight(format, componentsOf(format, weights[0]), 1, 1, timer.stream());
  finish(timer.stream(), "filling the weight");
}

QoptCudaCall Linear::call(QoptCudaModule &module, const std::string &name,
                          int64_t m, int copy) const {
  return callOf(module, name, x.get(), componentsOf(format, weights[copy]),
                y.get(guard), m);
}

Verdict Linear::verify(QoptCudaModule &module, const std::string &entry,
                       int64_t m) {
  cudaStream_t stream = timer.stream();
  int64_t inputs = m * format.k, outputs = m * format.n;
  if (dense.size() == 0) {
    dense = Buffer(4 * format.n * format.k);
    decodeWeight(format, componentsOf(format, weights[0]), dense.get<float>(),
                 stream);
  }
  // Exactly as large as they must be, so that the guards follow at once.
  x = Buffer();
  x = Buffer(2 * inputs + guard);
  wideX.reserve(4 * inputs);
  reference.reserve(4 * outputs);
  for (Buffer *output : {&y, &again})
    output->reserve(2 * outputs + 2 * guard);
  counters.reserve(sizeof(Difference) + 16);
  check(cudaMemsetAsync(x.get(), poison, x.size(), stream), "clearing");
  fillActivations(x.get(), inputs, type, uint32_t(m), stream);
  widen(x.get(), wideX.get<float>(), inputs, type, stream);
  blas.product(wideX.get<float>(), dense.get<float>(), reference.get<float>(),
               m, format.n, format.k, stream);
  auto run = [&] {
    check(cudaMemsetAsync(y.get(), poison, 2 * outputs + 2 * guard, stream),
          "clearing");
    launch(call(module, entry, m, 0), stream);
    finish(stream, "running the kernel");
  };
  finish(stream, "making the reference");
  run();
  std::swap(y, again);
  run();

  auto *difference = counters.get<Difference>();
  auto *counts = counters.get<unsigned long long>(sizeof(Difference));
  check(cudaMemsetAsync(counts, 0, 16, stream), "clearing");
  compare(y.get(guard), reference.get<float>(), outputs, type, difference,
          stream);
  countOther(y.get(), guard, poison, &counts[0], stream);
  countOther(y.get(guard + 2 * outputs), guard, poison, &counts[0], stream);
  countDifferent(y.get(guard), again.get(guard), outputs, &counts[1], stream);
  Difference found;
  unsigned long long counted[2];
  finish(stream, "comparing");
  check(cudaMemcpy(&found, difference, sizeof(found), cudaMemcpyDeviceToHost),
        "comparing");
  check(cudaMemcpy(counted, counts, 16, cudaMemcpyDeviceToHost), "comparing");

  Verdict verdict;
  verdict.relative = found.sumError / found.sumReference;
  verdict.largest = found.maxError / std::sqrt(found.sumSquares / outputs);
  verdict.notWritten = found.notNumbers;
  verdict.overrun = counted[0];
  verdict.unstable = counted[1];
  const auto &rows = module.table.rows;
  if (rows[module.table.candidates(entry)[0]].workspace > 0)
    verdict.differInStreams = countDifferentInTwoStreams(
        module, entry, format, weights[0], type, m, stream);
  return verdict;
}

Timing Linear::time(QoptCudaModule &module, const std::string &name,
                    int64_t m) {
  cudaStream_t stream = timer.stream();
  int copies = timer.copiesFor(format.bytes());
  while (int(weights.size()) < copies) {
    Buffer copy(weights[0].size());
    check(cudaMemcpyAsync(copy.get(), weights[0].get(), copy.size(),
                          cudaMemcpyDeviceToDevice, stream),
          "copying the weight");
    weights.push_back(std::move(copy));
  }
  x.reserve(2 * m * format.k);
  y.reserve(2 * m * format.n + 2 * guard);
  fillActivations(x.get(), m * format.k, type, 1, stream);
  return timer.measure(
      copies, [&](int copy) { launch(call(module, name, m, copy), stream); });
}

DenseLinear::DenseLinear(int64_t n, int64_t k, Activation type, Timer &timer,
                         Blas &blas)
    : n(n), k(k), type(type), timer(timer), blas(blas) {
  int copies = timer.copiesFor(2 * n * k);
  for (int i = 0; i < copies; ++i) {
    weights.emplace_back(2 * n * k);
    fillActivations(weights[i].get(), n * k, type, i, timer.stream());
  }
}

Timing DenseLinear::time(int64_t m) {
  x.reserve(2 * m * k);
  y.reserve(2 * m * n);
  fillActivations(x.get(), m * k, type, 1, timer.stream());
  return timer.measure(int(weights.size()), [&](int copy) {
    blas.product(x.get(), weights[copy].get(), y.get(), type, m, n, k,
                 timer.stream());
  });
}
