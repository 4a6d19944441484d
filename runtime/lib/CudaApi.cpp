//===- CudaApi.cpp - the C interface --------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Archive.h"
#include "CudaGraph.h"

#include <cstdio>

using namespace qopt::runtime;

static int report(bool success, const std::string &message, char *error,
                  size_t errorSize) {
  if (!success && errorSize > 0)
    std::snprintf(error, errorSize, "%s", message.c_str());
  return success ? 0 : 1;
}

int qopt_cuda_open(int ordinal, QoptCudaDevice **device, char *error,
                   size_t errorSize) {
  auto opened = std::make_unique<QoptCudaDevice>();
  std::string message;
  bool success = opened->open(ordinal, message);
  *device = success ? opened.release() : nullptr;
  return report(success, message, error, errorSize);
}

void qopt_cuda_close(QoptCudaDevice *device) { delete device; }

int qopt_cuda_load(QoptCudaDevice *device, const void *image, size_t bytes,
                   QoptCudaModule **module, char *error, size_t errorSize) {
  std::string message;
  *module = nullptr;
  bool success =
      device->load({static_cast<const char *>(image), bytes}, *module, message);
  return report(success, message, error, errorSize);
}

const char *qopt_cuda_table(const QoptCudaModule *module) {
  return module->description.c_str();
}

int qopt_cuda_launch(const QoptCudaCall *call, QoptCudaStream stream,
                     char *error, size_t errorSize) {
  std::string message;
  bool success = QoptCudaModule::launch(*call, stream, message);
  return report(success, message, error, errorSize);
}

int qopt_cuda_record(QoptCudaDevice *device, const QoptCudaCall *calls,
                     size_t count, QoptCudaGraph **graph, char *error,
                     size_t errorSize) {
  auto recorded = std::make_unique<QoptCudaGraph>(*device);
  std::string message;
  bool success = recorded->record(calls, count, message);
  *graph = success ? recorded.release() : nullptr;
  return report(success, message, error, errorSize);
}

int qopt_cuda_replay(QoptCudaGraph *graph, QoptCudaStream stream, char *error,
                     size_t errorSize) {
  std::string message;
  bool success = graph->replay(stream, message);
  return report(success, message, error, errorSize);
}

void qopt_cuda_discard(QoptCudaGraph *graph) { delete graph; }

static bool allocate(const QoptCudaDevice &device, size_t bytes,
                     QoptCudaPointer &pointer, std::string &error) {
  pointer = 0;
  ContextScope scope(device, error);
  return scope &&
         device.driver.succeeded(device.driver.memoryAllocate(&pointer, bytes),
                                 "allocating " + std::to_string(bytes) +
                                     " bytes on the GPU",
                                 error);
}

/// The copy goes through the default stream, so that it follows what lies
/// there. From memory that is not page-locked it returns as soon as the bytes
/// are staged, and streams that do not block would overtake it: so wait.
static bool upload(const QoptCudaDevice &device, QoptCudaPointer to,
                   const void *from, size_t bytes, std::string &error) {
  const CudaDriver &driver = device.driver;
  ContextScope scope(device, error);
  return scope &&
         driver.succeeded(driver.copyToDevice(to, from, bytes),
                          "copying to the GPU", error) &&
         driver.succeeded(driver.streamSynchronize(nullptr),
                          "copying to the GPU", error);
}

int qopt_cuda_allocate(QoptCudaDevice *device, size_t bytes,
                       QoptCudaPointer *pointer, char *error,
                       size_t errorSize) {
  std::string message;
  bool success = allocate(*device, bytes, *pointer, message);
  return report(success, message, error, errorSize);
}

void qopt_cuda_free(QoptCudaDevice *device, QoptCudaPointer pointer) {
  std::string ignored;
  if (!pointer)
    return;
  if (ContextScope scope(*device, ignored); scope)
    device->driver.memoryFree(pointer);
}

int qopt_cuda_upload(QoptCudaDevice *device, QoptCudaPointer to,
                     const void *from, size_t bytes, char *error,
                     size_t errorSize) {
  std::string message;
  bool success = upload(*device, to, from, bytes, message);
  return report(success, message, error, errorSize);
}

int qopt_cuda_download(QoptCudaDevice *device, void *to, QoptCudaPointer from,
                       size_t bytes, char *error, size_t errorSize) {
  std::string message;
  ContextScope scope(*device, message);
  bool success = scope && device->driver.succeeded(
                              device->driver.copyToHost(to, from, bytes),
                              "copying from the GPU", message);
  return report(success, message, error, errorSize);
}

int qopt_cuda_stream(QoptCudaDevice *device, QoptCudaStream *stream,
                     char *error, size_t errorSize) {
  std::string message;
  ContextScope scope(*device, message);
  bool success =
      scope && device->driver.succeeded(
                   device->driver.streamCreate(stream, cuda::streamNonBlocking),
                   "creating a stream", message);
  return report(success, message, error, errorSize);
}

void qopt_cuda_stream_destroy(QoptCudaDevice *device, QoptCudaStream stream) {
  std::string ignored;
  if (!stream)
    return;
  if (ContextScope scope(*device, ignored); scope)
    device->driver.streamDestroy(stream);
}

int qopt_cuda_synchronize(QoptCudaDevice *device, QoptCudaStream stream,
                          char *error, size_t errorSize) {
  std::string message;
  ContextScope scope(*device, message);
  bool success = scope && device->driver.succeeded(
                              device->driver.streamSynchronize(stream),
                              "running the kernels", message);
  return report(success, message, error, errorSize);
}

int qopt_cuda_upload_weight(QoptCudaDevice *device, const char *path,
                            const char *symbol, QoptCudaWeight *weight,
                            char *error, size_t errorSize) {
  *weight = {};
  Archive archive;
  std::string message;
  bool success = archive.open(path, message);
  struct Part {
    const char *suffix;
    QoptCudaPointer *pointer;
    bool optional;
  };
  const Part components[] = {{".packed", &weight->packed, false},
                             {".scales", &weight->scales, false},
                             {".zeros", &weight->zeros, true},
                             {".super_scales", &weight->superScales, true}};
  for (auto [suffix, pointer, optional] : components) {
    std::string name = symbol + std::string(suffix);
    std::string_view bytes = archive.find(name);
    if (!success)
      break;
    if (bytes.empty() && optional)
      continue;
    if (bytes.empty())
      message = std::string(path) + ": there is no tensor " + name;
    success = !bytes.empty() &&
              allocate(*device, bytes.size(), *pointer, message) &&
              upload(*device, *pointer, bytes.data(), bytes.size(), message);
  }
  if (!success)
    qopt_cuda_free_weight(device, weight);
  return report(success, message, error, errorSize);
}

void qopt_cuda_free_weight(QoptCudaDevice *device, QoptCudaWeight *weight) {
  for (QoptCudaPointer pointer :
       {weight->packed, weight->scales, weight->zeros, weight->superScales})
    qopt_cuda_free(device, pointer);
  *weight = {};
}
