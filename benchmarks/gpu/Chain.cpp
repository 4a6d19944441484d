//===- Chain.cpp - layers that read what the one before wrote -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Chain.h"

#include <algorithm>
#include <cmath>

using qopt::runtime::KernelRow;

static constexpr int repetitions = 8;

/// A kernel of a chain: which linear, and which of its entries.
using Link = std::pair<size_t, size_t>;

/// A closed sequence in which each entry of a linear follows once each entry of
/// the linear before it, by turns: an Eulerian circuit (Hierholzer 1873),
/// repeated until it is long enough for kernels to overlap.
static std::vector<Link> everyPair(const std::vector<ChainLinear> &linears) {
  constexpr size_t shortest = 8;
  std::vector<std::vector<size_t>> used; // followers that each link has had
  for (const ChainLinear &linear : linears)
    used.emplace_back(linear.entries.size(), 0);
  std::vector<Link> path = {{0, 0}}, circuit;
  while (!path.empty()) {
    auto [linear, entry] = path.back();
    size_t following = (linear + 1) % linears.size();
    size_t &next = used[linear][entry];
    if (next < linears[following].entries.size()) {
      path.push_back({following, next++});
    } else {
      circuit.push_back(path.back());
      path.pop_back();
    }
  }
  std::reverse(circuit.begin(), circuit.end());
  std::vector<Link> sequence = {circuit[0]};
  do
    sequence.insert(sequence.end(), circuit.begin() + 1, circuit.end());
  while (sequence.size() <= shortest);
  return sequence;
}

namespace {
class Chain {
public:
  /// rows[i] is one of linears[i].
  Chain(const std::vector<ChainLinear> &linears,
        const std::vector<const KernelRow *> &rows, int64_t m,
        cudaStream_t stream);
  ChainVerdict run(QoptCudaDevice *device);

private:
  /// Finds a size of the weights with which the values neither grow nor fade.
  double calibrate();
  /// All layers one at a time, as long as the mean |y| stays in (least, most);
  /// the mean |y| after each.
  std::vector<double> runAlone();
  double magnitude(const Buffer &values);
  static int64_t countOf(const Buffer &values) { return values.size() / 2; }
  void reset();
  unsigned long long countDifferences();

  std::vector<WeightFormat> formats;
  std::vector<Buffer> weights;
  Activation type;
  cudaStream_t stream;
  // Layer i reads values[i % 2] and writes the other one.
  Buffer start, values[2], expected[2], zeros, counters;
  std::vector<QoptCudaCall> calls;
  static constexpr double least = 1e-3, most = 1e3;
};
} // namespace

Chain::Chain(const std::vector<ChainLinear> &linears,
             const std::vector<const KernelRow *> &rows, int64_t m,
             cudaStream_t stream)
    : type(activationOf(*rows[0])), stream(stream), start(2 * m * rows[0]->k),
      zeros(4 * m * std::max(rows[0]->k, rows[0]->n)),
      counters(sizeof(Difference) + sizeof(unsigned long long)) {
  for (Buffer *buffers : {values, expected}) {
    buffers[0] = Buffer(2 * m * rows[0]->k);
    buffers[1] = Buffer(2 * m * rows[0]->n);
  }
  check(cudaMemsetAsync(zeros.get(), 0, zeros.size(), stream), "clearing");
  fillActivations(start.get(), countOf(start), type, 1, stream);
  for (const KernelRow *row : rows) {
    formats.push_back(formatOf(*row));
    weights.emplace_back(weightBytes(formats.back()));
  }
  for (auto [linear, entry] : everyPair(linears)) {
    const Buffer &x = values[calls.size() % 2],
                 &y = values[1 - calls.size() % 2];
    calls.push_back(
        callOf(*linears[linear].module, linears[linear].entries[entry], x.get(),
               componentsOf(formats[linear], weights[linear]), y.get(), m));
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
  compare(values.get(), zeros.get<float>(), countOf(values), type, difference,
          stream);
  Difference found;
  finish(stream, "comparing");
  check(cudaMemcpy(&found, difference, sizeof(found), cudaMemcpyDeviceToHost),
        "comparing");
  return found.notNumbers ? HUGE_VAL : found.sumError / countOf(values);
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
    for (size_t i = 0; i < weights.size(); ++i)
      fillWeight(formats[i], componentsOf(formats[i], weights[i]), 1,
                 float(size), stream);
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
    countDifferent(values[i].get(), expected[i].get(), countOf(values[i]),
                   counted, stream);
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

/// The row of the linear that the entries belong to.
static const KernelRow *rowOf(const ChainLinear &linear) {
  if (linear.entries.empty())
    throw std::runtime_error("a chain of nothing");
  const KernelRow *row = nullptr;
  for (const std::string &entry : linear.entries) {
    const std::vector<size_t> &found = linear.module->table.candidates(entry);
    if (found.empty())
      throw std::runtime_error("the module has no " + entry);
    const KernelRow *of = &linear.module->table.rows[found[0]];
    if (row && of->linear != row->linear)
      throw std::runtime_error(entry + " is of another linear than " +
                               row->entry);
    row = of;
  }
  return row;
}

ChainVerdict runChain(QoptCudaDevice *device,
                      const std::vector<ChainLinear> &linears, int64_t m,
                      cudaStream_t stream) {
  std::vector<const KernelRow *> rows;
  for (const ChainLinear &linear : linears)
    rows.push_back(rowOf(linear));
  if (rows.empty() || rows.size() > 2)
    throw std::runtime_error("a chain is of one linear or two");
  const KernelRow &first = *rows.front(), &last = *rows.back();
  if (first.n != last.k || first.k != last.n ||
      first.activations != last.activations)
    throw std::runtime_error("y of " + first.entry + " is no x of " +
                             last.entry + ", or the other way around");
  return Chain(linears, rows, m, stream).run(device);
}
