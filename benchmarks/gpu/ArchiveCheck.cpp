//===- ArchiveCheck.cpp - weights that the compiler packed ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "ArchiveCheck.h"
#include "Archive.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <cuda_fp16.h>
#include <stdexcept>

namespace {
/// Calls a function of the runtime, and throws what it says.
template <typename Function, typename... Arguments>
void call(Function function, Arguments... arguments) {
  char error[4096];
  if (function(arguments..., error, sizeof(error)) != 0)
    throw std::runtime_error(error);
}

/// A linear with its memory on the device.
struct Layer {
  QoptCudaWeight weight = {};
  QoptCudaPointer x = 0, y = 0;
  size_t outputs = 0;
  std::string_view expected; // f32
};
} // namespace

static std::vector<__half> download(QoptCudaDevice *device,
                                    const Layer &layer) {
  std::vector<__half> y(layer.outputs);
  call(qopt_cuda_download, device, y.data(), layer.y, 2 * y.size());
  return y;
}

/// So that what a launch does not write is seen.
static void poison(QoptCudaDevice *device, const Layer &layer) {
  std::vector<uint8_t> ones(2 * layer.outputs, 0xff);
  call(qopt_cuda_upload, device, layer.y, ones.data(), ones.size());
}

static double relativeError(const std::vector<__half> &y,
                            std::string_view expected) {
  double error = 0, sum = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    float value;
    std::memcpy(&value, expected.data() + 4 * i, 4);
    error += std::fabs(double(__half2float(y[i])) - value);
    sum += std::fabs(value);
  }
  double relative = error / sum;
  return std::isfinite(relative) ? relative : HUGE_VAL;
}

ArchiveCheck::Result ArchiveCheck::run(QoptCudaDevice *device,
                                       QoptCudaModule *module) const {
  qopt::runtime::Archive file;
  std::string error;
  if (!file.open(values, error))
    throw std::runtime_error(error);
  QoptCudaStream stream = nullptr;
  call(qopt_cuda_stream, device, &stream);
  std::vector<Layer> layers;
  std::vector<QoptCudaCall> launches;
  for (const auto &[symbol, linear] : calls) {
    Layer layer;
    std::string_view x = file.find(symbol + ".x");
    layer.expected = file.find(symbol + ".y");
    layer.outputs = layer.expected.size() / 4;
    if (x.empty() || layer.outputs == 0)
      throw std::runtime_error(values + ": there are no values for " + symbol);
    call(qopt_cuda_upload_weight, device, weights.c_str(), symbol.c_str(),
         &layer.weight);
    call(qopt_cuda_allocate, device, x.size(), &layer.x);
    call(qopt_cuda_upload, device, layer.x, x.data(), x.size());
    call(qopt_cuda_allocate, device, 2 * layer.outputs, &layer.y);
    launches.push_back({module, linear.c_str(), layer.x, layer.weight, layer.y,
                        rows, 0, 0, 0});
    layers.push_back(layer);
  }

  Result result;
  std::vector<std::vector<__half>> alone;
  for (size_t i = 0; i < layers.size(); ++i) {
    poison(device, layers[i]);
    call(qopt_cuda_launch, &launches[i], stream);
    call(qopt_cuda_synchronize, device, stream);
    alone.push_back(download(device, layers[i]));
    result.relative = std::max(result.relative,
                               relativeError(alone.back(), layers[i].expected));
    poison(device, layers[i]);
  }

  QoptCudaGraph *graph = nullptr;
  call(qopt_cuda_record, device, launches.data(), launches.size(), &graph);
  call(qopt_cuda_replay, graph, stream);
  call(qopt_cuda_synchronize, device, stream);
  for (size_t i = 0; i < layers.size(); ++i) {
    std::vector<__half> y = download(device, layers[i]);
    for (size_t j = 0; j < y.size(); ++j)
      result.different += std::memcmp(&y[j], &alone[i][j], 2) != 0;
  }
  qopt_cuda_discard(graph);
  for (Layer &layer : layers) {
    qopt_cuda_free_weight(device, &layer.weight);
    qopt_cuda_free(device, layer.x);
    qopt_cuda_free(device, layer.y);
  }
  qopt_cuda_stream_destroy(device, stream);
  return result;
}
