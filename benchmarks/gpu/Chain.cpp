//===- Chain.cpp - layers that read what the one before wrote -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Chain.h"

#include <cmath>

using qopt::runtime::KernelRow;

static constexpr int repetitions = 8;

/// A sequence in which each number below `count` follows each: the de Bruijn
/// sequence of order 2, closed, and repeated until it is long enough for
/// kernels to overlap.
static std::vector<size_t> everyPair(size_t count) {
  constexpr size_t shortest = 8;
  std::vector<size_t> sequence;
  do
    for (size_t i = 0; i < count; ++i) {
      sequence.push_back(i);
      for (size_t j = i + 1; j < count; ++j)
        sequence.insert(sequence.end(), {i, j});
    }
  while (sequence.size() < shortest);
  sequence.push_back(0);
  return sequence;
}

namespace {
class Chain {
public:
  Chain(QoptCudaModule &module, const KernelRow &row,
        const std::vector<std::string> &entries, int64_t m,
        cudaStream_t stream);
  ChainVerdict run(QoptCudaDevice *device);

private:
  /// Finds a size of the weight with which the values neither grow nor fade.
  double calibrate();
  /// All layers one at a time, as long as the mean |y| stays in (least, most);
  /// the mean |y| after each.
  std::vector<double> runAlone();
  double magnitude(const Buffer &values);
  void reset();
  unsigned long long countDifferences();

  WeightFormat format;
  Activation type;
  cudaStream_t stream;
  int64_t count; // values of a layer
  Buffer weight, start, values[2], expected[2], zeros, counters;
  std::vector<QoptCudaCall> calls;
  static constexpr double least = 1e-3, most = 1e3;
};
} // namespace

Chain::Chain(QoptCudaModule &module, const KernelRow &row,
             const std::vector<std::string> &entries, int64_t m,
             cudaStream_t stream)
    : format(formatOf(row)), type(activationOf(row)), stream(stream),
      count(m * row.k), weight(weightBytes(format)), start(2 * count),
      zeros(4 * count),
      counters(sizeof(Difference) + sizeof(unsigned long long)) {
  for (Buffer *buffers : {values, expected})
    for (int i = 0; i < 2; ++i)
      buffers[i] = Buffer(2 * count);
  check(cudaMemsetAsync(zeros.get(), 0, zeros.size(), stream), "clearing");
  fillActivations(start.get(), count, type, 1, stream);
  WeightPointers components = componentsOf(format, weight);
  for (size_t entry : everyPair(entries.size())) {
    const Buffer &x = values[calls.size() % 2],
                 &y = values[1 - calls.size() % 2];
    calls.push_back(
        callOf(module, entries[entry], x.get(), components, y.get(), m));
  }
}

/// x of the first layer; and where y goes, what no kernel may use.
void Chain::reset() {
  check(cudaMemcpyAsync(values[0].get(), start.get(), start.size(),
                        cudaMemcpyDeviceToDevice, stream),
        "copying x");
  check(cudaMemsetAsync(values[1].get(), 0xff, values[1].size(), stream),
        "clearing");
}

/// Infinite if a value is not finite.
double Chain::magnitude(const Buffer &values) {
  auto *difference = counters.get<Difference>();
  compare(values.get(), zeros.get<float>(), count, type, difference, stream);
  Difference found;
  finish(stream, "comparing");
  check(cudaMemcpy(&found, difference, sizeof(found), cudaMemcpyDeviceToHost),
        "comparing");
  return found.notNumbers ? HUGE_VAL : found.sumError / count;
}

std::vector<double> Chain::runAlone() {
  std::vector<double> magnitudes;
  reset();
  for (size_t i = 0; i < calls.size(); ++i) {
    launch(calls[i], stream);
    finish(stream, "running the kernel");
    magnitudes.push_back(magnitude(values[1 - i % 2]));
    if (!(magnitudes.back() > least && magnitudes.back() < most))
      break;
  }
  return magnitudes;
}

/// The growth per layer is that of the largest eigenvalue, which a few layers
/// show; a longer run corrects what a shorter one has got wrong.
double Chain::calibrate() {
  constexpr int attempts = 12;
  double size = 1, first = magnitude(start);
  for (int attempt = 0; attempt < attempts; ++attempt) {
    fillWeight(format, componentsOf(format, weight), 1, float(size), stream);
    std::vector<double> magnitudes = runAlone();
    bool complete = magnitudes.size() == calls.size();
    if (complete && magnitudes.back() > 10 * least &&
        magnitudes.back() < most / 10)
      return magnitudes.back();
    if (!std::isfinite(magnitudes.back()))
      magnitudes.pop_back();
    size *= magnitudes.empty() ? 0.1
                               : std::pow(first / magnitudes.back(),
                                          1.0 / double(magnitudes.size()));
  }
  throw std::runtime_error("the values of the chain grow or fade");
}

unsigned long long Chain::countDifferences() {
  auto *counted = counters.get<unsigned long long>(sizeof(Difference));
  check(cudaMemsetAsync(counted, 0, sizeof(*counted), stream), "clearing");
  for (int i = 0; i < 2; ++i)
    countDifferent(values[i].get(), expected[i].get(), count, counted, stream);
  unsigned long long result = 0;
  finish(stream, "comparing");
  check(cudaMemcpy(&result, counted, sizeof(result), cudaMemcpyDeviceToHost),
        "comparing");
  return result;
}

ChainVerdict Chain::run(QoptCudaDevice *device) {
  ChainVerdict verdict;
  verdict.layers = int64_t(calls.size());
  verdict.magnitude = calibrate();
  for (int i = 0; i < 2; ++i)
    check(cudaMemcpyAsync(expected[i].get(), values[i].get(),
                          expected[i].size(), cudaMemcpyDeviceToDevice, stream),
          "copying y");

  for (int i = 0; i < repetitions; ++i) {
    reset();
    for (const QoptCudaCall &call : calls)
      launch(call, stream);
    finish(stream, "running the chain");
    verdict.differInStream += countDifferences();
  }

  char error[8192];
  QoptCudaGraph *graph = nullptr;
  if (qopt_cuda_record(device, calls.data(), calls.size(), &graph, error,
                       sizeof(error)) != 0)
    throw std::runtime_error(error);
  try {
    for (int i = 0; i < repetitions; ++i) {
      reset();
      if (qopt_cuda_replay(graph, stream, error, sizeof(error)) != 0)
        throw std::runtime_error(error);
      finish(stream, "replaying the chain");
      verdict.differInGraph += countDifferences();
    }
  } catch (...) {
    qopt_cuda_discard(graph);
    throw;
  }
  qopt_cuda_discard(graph);
  return verdict;
}

ChainVerdict runChain(QoptCudaDevice *device, QoptCudaModule &module,
                      const std::vector<std::string> &entries, int64_t m,
                      cudaStream_t stream) {
  if (entries.empty())
    throw std::runtime_error("a chain of nothing");
  const KernelRow *row = nullptr;
  for (const std::string &entry : entries) {
    const std::vector<size_t> &found = module.table.candidates(entry);
    if (found.empty())
      throw std::runtime_error("the module has no " + entry);
    const KernelRow *of = &module.table.rows[found[0]];
    if (of->n != of->k || (row && of->linear != row->linear))
      throw std::runtime_error("a chain is of kernels of one linear, n = k");
    row = of;
  }
  return Chain(module, *row, entries, m, stream).run(device);
}
