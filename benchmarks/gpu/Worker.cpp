//===- Worker.cpp - what gpu-check asks, done on the GPU ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Reads one request per line and answers each with one line of JSON that has
// "ok", and "error" if that is false:
//
//     device                the GPU and its bandwidths
//     open FILE             loads a module and describes its kernels
//     verify ENTRY M        compares a kernel of the module with the reference
//     time NAME M           a kernel, or a linear of the module (by M)
//     chain M ENTRY ENTRY … [with FILE ENTRY …]
//                           each kernel after each, x[i + 1] = y[i] (Chain.h),
//                           by turns with kernels of another module
//     dense N K TYPE M      cuBLAS in f16 or bf16
//     archive WEIGHTS VALUES M SYMBOL=LINEAR …
//                           weights that the compiler packed (ArchiveCheck.h)
//
// A kernel that fails leaves a context in which nothing works any more: the
// worker answers and ends, and gpu-check starts another one. The same for one
// that hangs, which gpu-check notices.
//
//===----------------------------------------------------------------------===//
#include "ArchiveCheck.h"
#include "Chain.h"
#include "Linear.h"

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>

using namespace qopt::runtime;

namespace {

/// A line of JSON, member by member.
class Answer {
public:
  Answer &member(const std::string &key, const std::string &text) {
    std::string escaped;
    for (char c : text)
      if (c == '"' || c == '\\')
        escaped += {'\\', c};
      else
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    return raw(key, '"' + escaped + '"');
  }
  Answer &member(const std::string &key, const char *text) {
    return member(key, std::string(text));
  }
  Answer &member(const std::string &key, bool flag) {
    return raw(key, flag ? "true" : "false");
  }
  template <typename Number>
  Answer &member(const std::string &key, Number number) {
    std::ostringstream text;
    text.precision(7);
    text << number;
    return raw(key, std::isfinite(double(number)) ? text.str() : "null");
  }
  Answer &raw(const std::string &key, const std::string &json) {
    body += (body.empty() ? "\"" : ", \"") + key + "\": " + json;
    return *this;
  }
  std::string text() const { return '{' + body + '}'; }

private:
  std::string body;
};

class Worker {
public:
  Worker();
  Answer answer(const std::string &request);

private:
  Answer describeDevice();
  QoptCudaModule *load(const std::string &path);
  Answer openModule(const std::string &path);
  Answer describeKernel(size_t index, const KernelRow &row);
  Answer runArchive(std::istream &words);
  Answer chain(std::istream &words);
  Linear &linearOf(const std::string &name);
  template <typename L> Answer describeTiming(L &linear, int64_t m, Timing);

  QoptCudaDevice *device = nullptr;
  std::optional<Timer> timer;
  std::optional<Blas> blas;
  QoptCudaModule *module = nullptr;
  std::map<std::string, std::unique_ptr<Linear>> linears; // of the module
  std::string denseKey;
  std::unique_ptr<DenseLinear> dense;
};

} // namespace

static constexpr size_t errorSize = 8192;

Worker::Worker() {
  char error[errorSize];
  if (qopt_cuda_open(0, &device, error, errorSize) != 0)
    throw std::runtime_error(error);
  check(cudaSetDevice(device->ordinal), "opening the GPU");
  timer.emplace(device->l2Bytes);
  blas.emplace();
}

Answer Worker::describeDevice() {
  Timing empty = timer->measure(1, [&](int) { doNothing(timer->stream()); });
  return Answer()
      .member("device", device->name)
      .member("compute_capability", device->computeCapability)
      .member("multiprocessors", device->multiprocessors)
      .member("l2_bytes", device->l2Bytes)
      .member("shared_per_block", device->sharedPerBlock)
      .member("driver", cudaVersion(device->driver.version))
      .member("cublas", std::to_string(CUBLAS_VERSION))
      .member("copy_gbs", timer->copyBandwidth())
      .member("read_gbs", timer->readBandwidth())
      .member("empty_single_us", empty.single)
      .member("empty_graph_us", empty.sequence);
}

Answer Worker::describeKernel(size_t index, const KernelRow &row) {
  const QoptCudaModule::Kernel &kernel = module->kernels[index];
  auto attribute = [&](int which) {
    int value = 0;
    device->driver.functionGetAttribute(&value, which, kernel.function);
    return value;
  };
  int64_t m = row.maxRows != 0 ? row.maxRows : row.tileOfM;
  Answer answer;
  answer.member("entry", row.entry)
      .member("registers", attribute(cuda::registers))
      .member("local_bytes", attribute(cuda::localBytes))
      .member("static_shared", kernel.staticShared)
      .member("dynamic_shared", row.dynamicShared(m));
  int blocks = 0;
  device->driver.occupancy(&blocks, kernel.function, int(row.block),
                           size_t(row.dynamicShared(m)));
  answer.member("blocks_per_multiprocessor", blocks);
  size_t chosen;
  Geometry geometry;
  std::string error;
  auto fits = [&](int64_t rows) {
    return module->choose(row.entry.c_str(), rows, chosen, geometry, error);
  };
  if (fits(m))
    return answer.member("grid_x", geometry.gridX)
        .member("grid_y", geometry.gridY)
        .member("block", geometry.block);
  answer.member("cannot_launch", error);
  int64_t least = m - 1; // fewer rows may fit
  while (row.sharedPerRow != 0 && least > 0 && !fits(least))
    --least;
  return answer.member("launchable_m", row.sharedPerRow != 0 ? least : 0);
}

QoptCudaModule *Worker::load(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string image{std::istreambuf_iterator<char>(file), {}};
  if (!file)
    throw std::runtime_error(path + ": cannot be read");
  char error[errorSize];
  QoptCudaModule *loaded = nullptr;
  if (qopt_cuda_load(device, image.data(), image.size(), &loaded, error,
                     errorSize) != 0)
    throw std::runtime_error(error);
  return loaded;
}

Answer Worker::openModule(const std::string &path) {
  linears.clear();
  module = nullptr;
  module = load(path);
  std::string kernels;
  for (size_t i = 0; i < module->table.rows.size(); ++i)
    kernels +=
        (i ? ", " : "") + describeKernel(i, module->table.rows[i]).text();
  return Answer()
      .raw("table", module->description)
      .raw("kernels", '[' + kernels + ']');
}

Linear &Worker::linearOf(const std::string &name) {
  if (!module)
    throw std::runtime_error("no module is open");
  const std::vector<size_t> &candidates = module->table.candidates(name);
  if (candidates.empty())
    throw std::runtime_error("the module has no " + name);
  const KernelRow &row = module->table.rows[candidates[0]];
  std::unique_ptr<Linear> &linear = linears[row.linear];
  if (!linear)
    linear = std::make_unique<Linear>(row, *timer, *blas);
  return *linear;
}

Answer Worker::runArchive(std::istream &words) {
  ArchiveCheck check;
  words >> check.weights >> check.values >> check.rows;
  std::string call;
  while (words >> call) {
    size_t middle = call.find('=');
    check.calls.emplace_back(call.substr(0, middle), call.substr(middle + 1));
  }
  if (!module || check.calls.empty())
    throw std::runtime_error("no module is open, or nothing to run");
  ArchiveCheck::Result result = check.run(device, module);
  return Answer()
      .member("relative", result.relative)
      .member("different", result.different);
}

Answer Worker::chain(std::istream &words) {
  int64_t m = 0;
  words >> m;
  if (!module)
    throw std::runtime_error("no module is open");
  std::vector<ChainLinear> chained = {{module, {}}};
  for (std::string word; words >> word;)
    if (word == "with" && words >> word)
      chained.push_back({load(word), {}});
    else
      chained.back().entries.push_back(word);
  ChainVerdict verdict = runChain(device, chained, m, timer->stream());
  return Answer()
      .member("layers", verdict.layers)
      .member("magnitude", verdict.magnitude)
      .member("differ_in_stream", verdict.differInStream)
      .member("differ_in_graph", verdict.differInGraph);
}

template <typename L>
Answer Worker::describeTiming(L &linear, int64_t m, Timing timing) {
  return Answer()
      .member("single_us", timing.single)
      .member("graph_us", timing.sequence)
      .member("bytes", linear.bytesMoved(m));
}

Answer Worker::answer(const std::string &request) {
  std::istringstream words(request);
  std::string what, name;
  int64_t m = 0, n = 0, k = 0;
  words >> what;
  if (what == "device")
    return describeDevice();
  if (what == "open" && words >> name)
    return openModule(name);
  if (what == "verify" && words >> name >> m) {
    Verdict verdict = linearOf(name).verify(*module, name, m);
    return Answer()
        .member("relative", verdict.relative)
        .member("largest", verdict.largest)
        .member("not_written", verdict.notWritten)
        .member("overrun", verdict.overrun)
        .member("unstable", verdict.unstable)
        .member("differ_in_streams", verdict.differInStreams);
  }
  if (what == "time" && words >> name >> m) {
    Linear &linear = linearOf(name);
    size_t row = 0;
    Geometry geometry;
    std::string error;
    if (!module->choose(name.c_str(), m, row, geometry, error))
      throw std::runtime_error(error);
    return describeTiming(linear, m, linear.time(*module, name, m))
        .member("entry", module->table.rows[row].entry)
        .member("grid_x", geometry.gridX)
        .member("grid_y", geometry.gridY)
        .member("shared", geometry.shared);
  }
  if (what == "dense" && words >> n >> k >> name >> m) {
    std::string key = std::to_string(n) + ' ' + std::to_string(k) + ' ' + name;
    if (key != denseKey) {
      dense.reset();
      dense = std::make_unique<DenseLinear>(
          n, k, name == "bf16" ? Activation::BF16 : Activation::F16, *timer,
          *blas);
      denseKey = key;
    }
    return describeTiming(*dense, m, dense->time(m));
  }
  if (what == "archive")
    return runArchive(words);
  if (what == "chain")
    return chain(words);
  throw std::runtime_error("unknown request: " + request);
}

int main() {
  std::optional<Worker> worker;
  std::string request;
  while (std::getline(std::cin, request)) {
    bool broken = false;
    try {
      if (!worker)
        worker.emplace();
      Answer answer = worker->answer(request);
      std::cout << answer.member("ok", true).text() << std::endl;
    } catch (const std::exception &failure) {
      broken = !worker || cudaDeviceSynchronize() != cudaSuccess;
      std::cout << Answer()
                       .member("error", failure.what())
                       .member("broken", broken)
                       .member("ok", false)
                       .text()
                << std::endl;
    }
    if (broken)
      std::_Exit(1); // destructors would fail on the broken context
  }
  return 0;
}
