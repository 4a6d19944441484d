//===- CudaWorkspaces.cpp - scratch memory of kernels ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CudaWorkspaces.h"

#include <algorithm>

using namespace qopt::runtime;

namespace {
/// Lets the thread allocate and wait although a stream is recorded, by this
/// thread or by another one.
class RelaxedCapture {
public:
  explicit RelaxedCapture(const CudaDriver &driver) : driver(driver) {
    driver.exchangeCaptureMode(&mode);
  }
  RelaxedCapture(const RelaxedCapture &) = delete;
  ~RelaxedCapture() { driver.exchangeCaptureMode(&mode); }

private:
  const CudaDriver &driver;
  int mode = cuda::captureRelaxed;
};
} // namespace

void CudaWorkspaces::expect(size_t bytes) {
  std::lock_guard lock(mutex);
  usualBytes = std::max(usualBytes, bytes);
}

bool CudaWorkspaces::lease(CudaDriver::Handle stream, size_t bytes,
                           Lease &lease, std::string &error) {
  Holder holder;
  CudaDriver::Handle graph = nullptr;
  if (!identify(stream, holder, graph, error))
    return false;
  while (true) {
    lease.lock = std::shared_lock(launching);
    if (std::lock_guard lock(mutex); held.count(holder)) {
      const Workspace &current = held[holder].back();
      lease.address = current.address;
      if (current.bytes >= bytes)
        return true;
    }
    lease.lock.unlock();
    if (!add(holder, graph, bytes, error))
      return false;
  }
}

bool CudaWorkspaces::identify(CudaDriver::Handle stream, Holder &holder,
                              CudaDriver::Handle &graph,
                              std::string &error) const {
  int status = cuda::captureNone;
  unsigned long long capture = 0, id = 0;
  if (!driver.succeeded(driver.streamGetCaptureInfo(stream, &status, &capture,
                                                    &graph, nullptr, nullptr),
                        "asking whether the stream is recorded", error) ||
      !driver.succeeded(driver.streamGetId(stream, &id),
                        "asking for the stream's id", error))
    return false;
  holder.stream = id;
  if (status == cuda::captureActive)
    holder.capture = capture;
  return true;
}

bool CudaWorkspaces::add(const Holder &holder, CudaDriver::Handle graph,
                         size_t bytes, std::string &error) {
  RelaxedCapture relaxed(driver);
  if (!holder.capture && hasManyStreamsBeside(holder))
    takeBackOfStreams();
  std::lock_guard lock(mutex);
  takeBackOfGraphs();
  auto found = held.find(holder);
  bool isNew = found == held.end();
  if (!isNew && found->second.back().bytes >= bytes)
    return true; // another thread was faster
  // Twice as large as the one before: so those before take no more than it.
  bytes =
      std::max({bytes, usualBytes, isNew ? 0 : 2 * found->second.back().bytes});
  Workspace workspace;
  auto fitting =
      std::find_if(idle.begin(), idle.end(),
                   [&](const Workspace &w) { return w.bytes >= bytes; });
  if (fitting != idle.end()) {
    workspace = *fitting;
    idle.erase(fitting);
  } else if (!make(bytes, workspace, error)) {
    return false;
  }
  if (isNew && holder.capture && !tieToGraph(holder, graph, error)) {
    idle.push_back(workspace);
    return false;
  }
  held[holder].push_back(workspace);
  return true;
}

/// The flags are cleared in a stream of its own: in one that is recorded each
/// replay would clear them again, and the default stream may not be used while
/// another one is recorded.
bool CudaWorkspaces::make(size_t bytes, Workspace &workspace,
                          std::string &error) const {
  std::string action =
      "making a workspace of " + std::to_string(bytes) + " bytes on the GPU";
  CudaDriver::Handle stream = nullptr;
  workspace.bytes = bytes;
  if (!driver.succeeded(driver.memoryAllocate(&workspace.address, bytes),
                        action, error))
    return false;
  bool good = driver.succeeded(
      driver.streamCreate(&stream, cuda::streamNonBlocking), action, error);
  if (good) {
    good = driver.succeeded(
               driver.memorySetAsync(workspace.address, 0, flagBytes, stream),
               action, error) &&
           driver.succeeded(driver.streamSynchronize(stream), action, error);
    driver.streamDestroy(stream);
  }
  if (!good)
    driver.memoryFree(workspace.address);
  return good;
}

/// Makes the graph, its copies and what is made executable from it own the
/// holder's workspaces.
bool CudaWorkspaces::tieToGraph(const Holder &holder, CudaDriver::Handle graph,
                                std::string &error) const {
  struct Owner {
    std::shared_ptr<Ended> ended; // it may outlive the device
    Holder holder;
  };
  auto end = [](void *data) {
    std::unique_ptr<Owner> owner(static_cast<Owner *>(data));
    std::lock_guard lock(owner->ended->mutex);
    owner->ended->holders.push_back(owner->holder);
  };
  const char *action = "giving the graph a workspace";
  auto owner = std::make_unique<Owner>(Owner{ended, holder});
  CudaDriver::Handle object = nullptr;
  if (!driver.succeeded(driver.userObjectCreate(&object, owner.get(), end, 1,
                                                cuda::userObjectNoSync),
                        action, error))
    return false;
  owner.release(); // `end` deletes it
  bool good = driver.succeeded(
      driver.graphRetainUserObject(graph, object, 1, 0), action, error);
  driver.userObjectRelease(object, 1); // the graph has a reference of its own
  return good;
}

bool CudaWorkspaces::hasManyStreamsBeside(const Holder &holder) {
  std::lock_guard lock(mutex);
  size_t streams =
      std::count_if(held.begin(), held.end(),
                    [](const auto &entry) { return entry.first.capture == 0; });
  return streams >= mostStreams && held.count(holder) == 0;
}

void CudaWorkspaces::takeBack(const Holder &holder) {
  auto found = held.find(holder);
  if (found == held.end())
    return;
  idle.insert(idle.end(), found->second.begin(), found->second.end());
  held.erase(found);
}

/// Whatever a graph has run has ended before its user objects are destroyed.
void CudaWorkspaces::takeBackOfGraphs() {
  std::lock_guard lock(ended->mutex);
  for (const Holder &holder : ended->holders)
    takeBack(holder);
  ended->holders.clear();
}

void CudaWorkspaces::takeBackOfStreams() {
  std::unique_lock noLaunches(launching);
  std::lock_guard lock(mutex);
  if (driver.contextSynchronize() != 0)
    return; // then there is one more
  while (!held.empty() && held.begin()->first.capture == 0)
    takeBack(held.begin()->first);
}

void CudaWorkspaces::clear() {
  std::lock_guard lock(mutex);
  for (const auto &[holder, workspaces] : held)
    idle.insert(idle.end(), workspaces.begin(), workspaces.end());
  held.clear();
  for (const Workspace &workspace : idle)
    driver.memoryFree(workspace.address);
  idle.clear();
}
