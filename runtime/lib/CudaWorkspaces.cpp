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
  if (!holder.capture && isOneTooMany(holder))
    takeBackOfStreams();
  std::lock_guard lock(mutex);
  takeBackOfGraphs();
  auto found = held.find(holder);
  bool isNew = found == held.end();
  if (!isNew && found->second.back().bytes >= bytes)
    return true; // another thread was faster
  // Of a graph all launches are known soon, and there may be many graphs.
  bytes = std::max({bytes, flagBytes, holder.capture ? 0 : usualBytes});
  // Twice as large as the one before: so those before take no more than it.
  if (!isNew)
    bytes = std::max(bytes, 2 * found->second.back().bytes);
  Workspace workspace;
  if (auto fitting = idle.lower_bound(bytes); fitting != idle.end()) {
    workspace = {fitting->second, fitting->first};
    idle.erase(fitting);
  } else if (!make(bytes, workspace, error)) {
    return false;
  }
  if (isNew && holder.capture && !tieToGraph(holder, graph, error)) {
    idle.emplace(workspace.bytes, workspace.address);
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

std::set<uint64_t> CudaWorkspaces::streams() const {
  std::set<uint64_t> ids;
  for (auto it = held.begin(); it != held.end() && it->first.capture == 0; ++it)
    ids.insert(it->first.stream);
  return ids;
}

bool CudaWorkspaces::isOneTooMany(const Holder &holder) {
  std::lock_guard lock(mutex);
  return held.count(holder) == 0 && streams().size() >= mostStreams;
}

void CudaWorkspaces::takeBack(const Holder &holder) {
  auto found = held.find(holder);
  if (found == held.end())
    return;
  for (const Workspace &workspace : found->second)
    idle.emplace(workspace.bytes, workspace.address);
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
  // Streams that have had theirs taken back before are in use: where these are
  // many, more may have one.
  std::set<uint64_t> ids = streams();
  size_t again = std::count_if(
      ids.begin(), ids.end(), [&](uint64_t id) { return takenBack.count(id); });
  mostStreams = std::max(fewStreams, 2 * again);
  constexpr size_t mostIds = 4096;
  if (takenBack.size() > mostIds)
    takenBack.clear();
  takenBack.merge(ids);
  while (!held.empty() && held.begin()->first.capture == 0)
    takeBack(held.begin()->first);
}

void CudaWorkspaces::clear() {
  std::lock_guard lock(mutex);
  while (!held.empty())
    takeBack(held.begin()->first);
  for (auto [bytes, address] : idle)
    driver.memoryFree(address);
  idle.clear();
}
