//===- CudaGraph.cpp - a recorded chain of launches -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CudaGraph.h"

using namespace qopt::runtime;

bool QoptCudaGraph::record(const QoptCudaCall *calls, size_t count,
                           std::string &error) {
  const CudaDriver &driver = device.driver;
  CudaDriver::Handle stream = nullptr, graph = nullptr;
  ContextScope scope(device, error);
  if (!scope ||
      !driver.succeeded(driver.streamCreate(&stream, cuda::streamNonBlocking),
                        "creating a stream", error))
    return false;
  bool good = driver.succeeded(
      driver.streamBeginCapture(stream, cuda::captureThreadLocal),
      "recording a graph", error);
  if (good) {
    for (size_t i = 0; good && i < count; ++i)
      good = QoptCudaModule::launch(calls[i], stream, error);
    std::string ending;
    if (!driver.succeeded(driver.streamEndCapture(stream, &graph),
                          "recording a graph", good ? error : ending))
      good = false;
  }
  good =
      good && driver.succeeded(driver.graphInstantiate(&executable, graph, 0),
                               "making the graph executable", error);
  if (graph)
    driver.graphDestroy(graph);
  driver.streamDestroy(stream);
  return good;
}

bool QoptCudaGraph::replay(QoptCudaStream stream, std::string &error) const {
  ContextScope scope(device, error);
  return scope &&
         device.driver.succeeded(device.driver.graphLaunch(executable, stream),
                                 "replaying the graph", error);
}

QoptCudaGraph::~QoptCudaGraph() {
  if (!executable)
    return;
  std::string ignored;
  ContextScope scope(device, ignored);
  device.driver.graphExecDestroy(executable);
}
