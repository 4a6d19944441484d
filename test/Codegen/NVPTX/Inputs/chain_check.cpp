// Chain.cpp of the GPU check on a GPU that is played here: its memory is the
// host's, and a kernel is a product with a random matrix. Its y is stored when
// the next kernel begins, or when the host waits: before that one reads x if it
// waits, as it should, and after if its name says "races".
#include "Chain.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <cuda_fp16.h>
#include <iostream>
#include <random>
#include <set>

static constexpr int64_t n = 64;

//===- The GPU ------------------------------------------------------------===//

static std::vector<float> matrix;
static std::vector<QoptCudaCall> launched;
static QoptCudaCall pending = {};
static std::vector<__half> pendingOutput;
static bool inGraph = false;

template <typename T> static T *at(QoptCudaPointer address) {
  return reinterpret_cast<T *>(address);
}

static void storePending() {
  if (pending.y)
    std::memcpy(at<void>(pending.y), pendingOutput.data(),
                2 * pendingOutput.size());
  pending.y = 0;
}

int qopt_cuda_launch(const QoptCudaCall *call, QoptCudaStream, char *, size_t) {
  std::string name = call->name;
  bool races = name == "races" || (inGraph && name == "races_in_graphs");
  if (!races)
    storePending();
  float size = *at<float>(call->weight.packed);
  std::vector<__half> y(call->rows * n);
  for (int64_t m = 0; m < call->rows; ++m)
    for (int64_t row = 0; row < n; ++row) {
      float sum = 0;
      for (int64_t k = 0; k < n; ++k)
        sum +=
            __half2float(at<__half>(call->x)[m * n + k]) * matrix[row * n + k];
      y[m * n + row] = __float2half(size * sum);
    }
  storePending();
  pending = *call;
  pendingOutput = y;
  launched.push_back(*call);
  return 0;
}

static std::vector<QoptCudaCall> recorded;
int qopt_cuda_record(QoptCudaDevice *, const QoptCudaCall *calls, size_t count,
                     QoptCudaGraph **, char *, size_t) {
  recorded.assign(calls, calls + count);
  return 0;
}
int qopt_cuda_replay(QoptCudaGraph *, QoptCudaStream, char *, size_t) {
  inGraph = true;
  for (const QoptCudaCall &call : recorded)
    qopt_cuda_launch(&call, nullptr, nullptr, 0);
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
                            cudaMemcpyKind, cudaStream_t) {
  storePending(); // copies wait for all kernels
  return std::memcpy(to, from, bytes), cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t) {
  storePending();
  return std::memset(to, value, bytes), cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return storePending(), cudaSuccess;
}
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

//===- The checks ---------------------------------------------------------===//

static std::string row(const char *entry, int64_t k = n) {
  return R"({"linear": "l)" + std::to_string(k) +
         R"(", "scheme": "int4_g128_sym", "bits": 4, "group": 128, "zero": 8,
         "zeros": false, "n": 64, "k": )" +
         std::to_string(k) + R"(, "activations": "f16", "entry": ")" + entry +
         R"(", "max_m": 0, "block": 32, "shared": 0, "shared_per_row": 0,
         "n_tiles": 1, "m_tile": 1, "persistent": false, "cluster": 1})";
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
  QoptCudaModule module(device);
  std::string error, table = R"({"version": 1, "chip": "any", "kernels": [)" +
                             row("a") + "," + row("b") + "," + row("c") + "," +
                             row("races") + "," + row("races_in_graphs") + "," +
                             row("wide", 128) + "]}";
  if (!qopt::runtime::DispatchTable::parse(table, module.table, error))
    std::cout << error << "\n";
  auto run = [&](const char *what, const std::vector<std::string> &entries) {
    std::cout << what << ": ";
    try {
      ChainVerdict verdict = runChain(&device, module, entries, 3, nullptr);
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
    matrix.resize(n * n);
    for (float &value : matrix)
      value = float(size / 8) * std::normal_distribution<float>()(random);
    run("right", {"a", "b", "c"});
    run("one", {"a"});
    run("races", {"a", "races"});
    run("races in graphs", {"races_in_graphs", "b"});
  }
  run("shapes", {"a", "wide"});
  run("not square", {"wide"});
  run("unknown", {"d"});
}
