// Chain.cpp and Streams.cpp of the GPU check on a GPU that is played here: its
// memory is the host's, and a kernel is a product with a random matrix. Its y
// is stored when the next kernel of the stream begins, or when the host waits
// for it: before that one reads x if it waits, as it should, and after if its
// name says "races". Of a cluster each block has its part of the columns, and
// in "one_block_waits" the others read x too early. What "one_place" will store
// lies in one place for all streams until then.
#include "Chain.h"
#include "Streams.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <cuda_fp16.h>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>

//===- The GPU ------------------------------------------------------------===//

static std::map<int64_t, std::vector<float>> matrices; // by columns
static std::vector<QoptCudaCall> launched;
struct Output {
  QoptCudaPointer y;
  std::shared_ptr<std::vector<__half>> values;
};
static std::map<QoptCudaStream, Output> pending;
static bool inGraph = false;

template <typename T> static T *at(QoptCudaPointer address) {
  return reinterpret_cast<T *>(address);
}

static void storePending(QoptCudaStream stream) {
  auto found = pending.find(stream);
  if (found == pending.end())
    return;
  const auto &[y, values] = found->second;
  std::memcpy(at<void>(y), values->data(), 2 * values->size());
  pending.erase(found);
}

int qopt_cuda_launch(const QoptCudaCall *call, QoptCudaStream stream, char *,
                     size_t) {
  std::string name = call->name;
  bool races = name == "races" || (inGraph && name == "races_in_graphs");
  const auto &table = call->module->table;
  const auto &row = table.rows[table.candidates(name)[0]];
  const std::vector<float> &matrix = matrices[row.k];
  float size = *at<float>(call->weight.packed);
  std::vector<float> sums(call->rows * row.n);
  // The last block first, so that others have read when this one has waited.
  for (int64_t block = row.cluster - 1; block >= 0; --block) {
    if (!races && (name != "one_block_waits" || block == 0))
      storePending(stream);
    int64_t columns = row.k / row.cluster;
    for (int64_t m = 0; m < call->rows; ++m)
      for (int64_t i = 0; i < row.n; ++i)
        for (int64_t k = block * columns; k < (block + 1) * columns; ++k)
          sums[m * row.n + i] +=
              __half2float(at<__half>(call->x)[m * row.k + k]) *
              matrix[i * row.k + k];
  }
  static auto onePlace = std::make_shared<std::vector<__half>>();
  auto y =
      name == "one_place" ? onePlace : std::make_shared<std::vector<__half>>();
  storePending(stream);
  y->clear();
  for (float sum : sums)
    y->push_back(__float2half(size * sum));
  pending[stream] = {call->y, y};
  launched.push_back(*call);
  return 0;
}

static std::vector<QoptCudaCall> recorded;
int qopt_cuda_record(QoptCudaDevice *, const QoptCudaCall *calls, size_t count,
                     QoptCudaGraph **, char *, size_t) {
  recorded.assign(calls, calls + count);
  return 0;
}
int qopt_cuda_replay(QoptCudaGraph *, QoptCudaStream stream, char *, size_t) {
  inGraph = true;
  for (const QoptCudaCall &call : recorded)
    qopt_cuda_launch(&call, stream, nullptr, 0);
  inGraph = false;
  return 0;
}
void qopt_cuda_discard(QoptCudaGraph *) { recorded.clear(); }
QoptCudaModule::~QoptCudaModule() = default;
QoptCudaDevice::~QoptCudaDevice() = default;

extern "C" {
cudaError_t cudaMalloc(void **address, size_t bytes) {
  *address = std::malloc(bytes);
  return cudaSuccess;
}
cudaError_t cudaFree(void *address) { return std::free(address), cudaSuccess; }
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes,
                       cudaMemcpyKind) {
  return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                            cudaMemcpyKind, cudaStream_t stream) {
  storePending(stream); // copies wait for all kernels
  return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes,
                            cudaStream_t stream) {
  storePending(stream);
  return std::memset(to, value, bytes), cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return storePending(stream), cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  static uintptr_t last = 0;
  return *stream = reinterpret_cast<cudaStream_t>(++last), cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *, unsigned) {
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
const char *cudaGetErrorString(cudaError_t) { return "?"; }
}

void fillWeight(const WeightFormat &, const WeightPointers &weight, uint32_t,
                float size, cudaStream_t) {
  std::memcpy(weight.packed, &size, sizeof(size));
}
void fillActivations(void *values, int64_t count, Activation, uint32_t seed,
                     cudaStream_t) {
  std::mt19937 random(seed);
  for (int64_t i = 0; i < count; ++i)
    static_cast<__half *>(values)[i] =
        std::uniform_real_distribution<float>(-1, 1)(random);
}
void compare(const void *y, const float *reference, int64_t count, Activation,
             Difference *difference, cudaStream_t) {
  *difference = {};
  for (int64_t i = 0; i < count; ++i) {
    float value = __half2float(static_cast<const __half *>(y)[i]);
    if (std::isfinite(value))
      difference->sumError += std::fabs(value - reference[i]);
    else
      ++difference->notNumbers;
  }
}
void countDifferent(const void *a, const void *b, int64_t words,
                    unsigned long long *count, cudaStream_t) {
  for (int64_t i = 0; i < words; ++i)
    *count += static_cast<const uint16_t *>(a)[i] !=
              static_cast<const uint16_t *>(b)[i];
}
void readAll(const void *, int64_t, cudaStream_t) {}

//===- The checks ---------------------------------------------------------===//

static std::string row(const char *entry, int64_t n = 64, int64_t k = 64,
                       int64_t cluster = 1) {
  return R"({"linear": "l)" + std::to_string(n) + "x" + std::to_string(k) +
         R"(", "scheme": "int4_g128_sym", "bits": 4, "group": 128, "zero": 8,
         "zeros": false, "n": )" +
         std::to_string(n) + R"(, "k": )" + std::to_string(k) +
         R"(, "activations": "f16", "entry": ")" + entry +
         R"(", "max_m": 0, "block": 32, "shared": 0, "shared_per_row": 0,
         "n_tiles": 1, "m_tile": 1, "persistent": false, "cluster": )" +
         std::to_string(cluster) + "}";
}

/// How many kernels the last chain has right after which others, and whether x
/// and y change places from call to call.
static void describeSequence(size_t layers) {
  std::set<std::pair<std::string, std::string>> pairs;
  bool dependent = true;
  for (size_t i = launched.size() - layers + 1; i < launched.size(); ++i) {
    pairs.emplace(launched[i - 1].name, launched[i].name);
    dependent &= launched[i].x == launched[i - 1].y &&
                 launched[i].y == launched[i - 1].x;
  }
  std::cout << ", " << pairs.size() << " pairs"
            << (dependent ? "" : ", NOT DEPENDENT");
}

int main() {
  QoptCudaDevice device;
  QoptCudaModule module(device), other(device);
  auto fill = [](QoptCudaModule &module, const std::string &rows) {
    std::string error, table = R"({"version": 1, "chip": "any", "kernels": [)";
    if (!qopt::runtime::DispatchTable::parse(table + rows + "]}", module.table,
                                             error))
      std::cout << error << "\n";
  };
  fill(module, row("a") + "," + row("b") + "," + row("c") + "," + row("races") +
                   "," + row("races_in_graphs") + "," +
                   row("cluster", 64, 64, 2) + "," +
                   row("one_block_waits", 64, 64, 2) + "," + row("one_place") +
                   "," + row("down", 64, 128) + "," + row("down2", 64, 128, 4));
  fill(other, row("up", 128, 64) + "," + row("up2", 128, 64) + "," +
                  row("one_block_waits", 128, 64, 2));
  auto run = [&](const char *what, const std::vector<std::string> &entries,
                 const std::vector<std::string> &partners = {}) {
    std::cout << what << ": ";
    try {
      std::vector<ChainLinear> linears = {{&module, entries}};
      if (!partners.empty())
        linears.push_back({&other, partners});
      ChainVerdict verdict = runChain(&device, linears, 3, nullptr);
      std::cout << verdict.layers << " layers";
      describeSequence(size_t(verdict.layers));
      std::cout << (verdict.magnitude > 1e-2 && verdict.magnitude < 1e2
                        ? ""
                        : ", NO VALUES")
                << (verdict.differInStream ? ", differs at once" : "")
                << (verdict.differInGraph ? ", differs as a graph" : "")
                << "\n";
    } catch (const std::exception &failure) {
      std::cout << failure.what() << "\n";
    }
  };
  // Values that grow 100 times and fade to a hundredth with each layer.
  for (double size : {100.0, 0.01}) {
    std::mt19937 random(1);
    for (int64_t k : {64, 128}) {
      matrices[k].resize(128 * k);
      for (float &value : matrices[k])
        value = float(size / 8) * std::normal_distribution<float>()(random);
    }
    run("right", {"a", "b", "c"});
    run("one", {"a"});
    run("races", {"a", "races"});
    run("races in graphs", {"races_in_graphs", "b"});
    run("cluster", {"a", "cluster"});
    run("one block waits", {"a", "one_block_waits"});
    run("by turns", {"down", "down2"}, {"up", "up2"});
    run("by turns, one block waits", {"down", "down2"},
        {"up", "one_block_waits"});
  }
  for (std::string name : {"a", "one_place"}) {
    WeightFormat format = formatOf(module.table.rows[0]);
    Buffer weight(weightBytes(format));
    fillWeight(format, componentsOf(format, weight), 1, 1, nullptr);
    bool differ = countDifferentInTwoStreams(module, name, format, weight,
                                             Activation::F16, 3, nullptr) != 0;
    std::cout << name << " in two streams" << (differ ? " differs" : "")
              << "\n";
  }
  run("shapes", {"a", "down"});
  run("not square", {"down"});
  run("no pair", {"a"}, {"up"});
  run("unknown", {"d"});
}
