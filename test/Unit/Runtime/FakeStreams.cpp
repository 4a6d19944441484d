//===- FakeStreams.cpp - the order of work on the fake GPU ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "FakeStreams.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

using namespace fake;

//===- Streams, and what is recorded from them ----------------------------===//

struct Stream {
  uint64_t id;
};
static std::vector<std::unique_ptr<Stream>>
    destroyedStreams; // to be given again
static uint64_t lastId = 1000;

static uint64_t idOf(Handle stream) {
  static thread_local const uint64_t ofThread = ++lastId;
  if (stream == reinterpret_cast<Handle>(2)) // CU_STREAM_PER_THREAD
    return ofThread;
  return stream ? static_cast<Stream *>(stream)->id : 1;
}

struct UserObject {
  void *data;
  void (*destroy)(void *);
  unsigned references;
};
static void release(UserObject *object, unsigned count) {
  if ((object->references -= count) != 0)
    return;
  object->destroy(object->data);
  delete object;
}

/// A graph, or what is made executable from it.
struct Graph {
  uint64_t capture; // id
  std::vector<UserObject *> objects;
  std::vector<std::function<void()>> work;
};
static std::map<uint64_t, int> graphsOfCapture; // how many there are

static Graph *makeGraph(uint64_t capture,
                        const std::vector<UserObject *> &objects = {}) {
  for (UserObject *object : objects)
    ++object->references;
  ++graphsOfCapture[capture];
  return new Graph{capture, objects, {}};
}

static Graph *recording = nullptr;
static Handle recordedStream = nullptr;
static int recordingMode = 0;
static thread_local int threadMode = 0; // global

bool fake::isRecorded(Handle stream) {
  return recording && recordedStream == stream;
}

static void needRelaxedCapture(const char *function) {
  constexpr int relaxed = 2;
  if (recording && recordingMode != relaxed && threadMode != relaxed)
    misuse(std::string(function) + " while a stream is recorded");
}

//===- Work that ends as late as it may -----------------------------------===//

/// Copies to the device that have been staged, in the default stream.
struct StagedCopy {
  uint64_t to;
  std::string bytes;
};
static std::vector<StagedCopy> staged;

struct PendingSet {
  uint64_t to;
  int value;
  size_t bytes;
  uint64_t stream;
};
static std::vector<PendingSet> pendingSets;

struct Allocation {
  int number;
  size_t bytes;
};
static std::map<uint64_t, Allocation> allocated; // by address
/// Of each stream, by id.
static std::map<uint64_t, std::vector<std::function<void()>>> queued;
/// Of each workspace the streams with launches that may still run.
static std::map<uint64_t, std::set<uint64_t>> streamsOf;
/// And the recordings with such launches.
static std::map<uint64_t, std::set<uint64_t>> recordingsOf;

static void finishWork(uint64_t stream) {
  for (const std::function<void()> &work : std::exchange(queued[stream], {}))
    work();
}

static void finishDefaultStream() {
  for (const StagedCopy &copy : staged)
    std::memcpy(reinterpret_cast<void *>(copy.to), copy.bytes.data(),
                copy.bytes.size());
  staged.clear();
  finishWork(idOf(nullptr));
}

static void finishSets(uint64_t stream) {
  for (PendingSet &set : pendingSets)
    if (set.stream == stream)
      std::memset(reinterpret_cast<void *>(set.to), set.value, set.bytes);
  std::erase_if(pendingSets, [&](auto &set) { return set.stream == stream; });
}

void fake::begin(const std::string &what, Handle stream) {
  if (stream && !staged.empty())
    misuse(what + " before an upload is complete");
  finishDefaultStream();
  finishSets(idOf(stream));
}

int fake::useWorkspace(uint64_t address, Handle stream) {
  constexpr int flagBytes = 4096;
  if (!allocated.count(address)) {
    misuse("a workspace that is not allocated");
    return 0;
  }
  auto *flags = reinterpret_cast<const char *>(address);
  if (std::any_of(flags, flags + flagBytes, [](char c) { return c != 0; }))
    misuse("a workspace with flags that are not zero");
  std::set<uint64_t> &streams = streamsOf[address];
  std::set<uint64_t> &recordings = recordingsOf[address];
  std::erase_if(recordings, [](uint64_t capture) {
    return !graphsOfCapture.count(capture);
  });
  if (isRecorded(stream))
    recordings.insert(recording->capture);
  else
    streams.insert(idOf(stream));
  if (streams.size() + recordings.size() > 1)
    misuse("two streams in one workspace");
  return allocated[address].number;
}

void fake::submit(Handle stream, std::function<void()> work) {
  (isRecorded(stream) ? recording->work : queued[idOf(stream)])
      .push_back(std::move(work));
}

size_t fake::allocatedBytes(uint64_t address) {
  auto after = allocated.upper_bound(address);
  if (after == allocated.begin())
    return 0;
  auto [begin, allocation] = *std::prev(after);
  return address < begin + allocation.bytes ? begin + allocation.bytes - address
                                            : 0;
}

//===- The driver's functions ---------------------------------------------===//

extern "C" {
int cuCtxSynchronize() {
  needContext("cuCtxSynchronize");
  needRelaxedCapture("cuCtxSynchronize");
  finishDefaultStream();
  while (!pendingSets.empty())
    finishSets(pendingSets.back().stream);
  while (!queued.empty()) {
    finishWork(queued.begin()->first);
    queued.erase(queued.begin());
  }
  streamsOf.clear();
  return write("synchronize all");
}

int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  needContext("cuMemAlloc");
  needRelaxedCapture("cuMemAlloc");
  if (state.allocateResult)
    return state.allocateResult;
  void *memory = std::malloc(bytes);
  std::memset(memory, 0xff, bytes);
  *address = reinterpret_cast<uint64_t>(memory);
  allocated[*address] = {++state.allocations, bytes};
  return write("allocate " + std::to_string(bytes));
}
int cuMemFree_v2(uint64_t address) {
  needContext("cuMemFree");
  finishDefaultStream();
  allocated.erase(address);
  streamsOf.erase(address);
  recordingsOf.erase(address);
  std::free(reinterpret_cast<void *>(address));
  return write("free");
}
int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes,
                    Handle stream) {
  needContext("cuMemsetD8Async");
  if (isRecorded(stream))
    misuse("cuMemsetD8Async is recorded");
  pendingSets.push_back({to, value, bytes, idOf(stream)});
  return 0;
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  needContext("cuMemcpyHtoD");
  staged.push_back({to, {static_cast<const char *>(from), bytes}});
  return 0;
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  needContext("cuMemcpyDtoH");
  finishDefaultStream();
  return std::memcpy(to, reinterpret_cast<void *>(from), bytes), 0;
}

int cuStreamCreate(Handle *stream, unsigned) {
  needContext("cuStreamCreate");
  if (destroyedStreams.empty())
    destroyedStreams.push_back(std::make_unique<Stream>());
  destroyedStreams.back()->id = ++lastId;
  *stream = destroyedStreams.back().release();
  destroyedStreams.pop_back();
  return write("create stream");
}
int cuStreamDestroy_v2(Handle stream) {
  needContext("cuStreamDestroy");
  destroyedStreams.emplace_back(static_cast<Stream *>(stream));
  return write("destroy stream");
}
int cuStreamSynchronize(Handle stream) {
  needContext("cuStreamSynchronize");
  if (isRecorded(stream))
    misuse("cuStreamSynchronize of a stream that is recorded");
  if (!stream)
    finishDefaultStream();
  finishSets(idOf(stream));
  finishWork(idOf(stream));
  for (auto &[workspace, streams] : streamsOf)
    streams.erase(idOf(stream));
  write(stream ? "synchronize" : "synchronize default");
  return state.workResult;
}
int cuStreamGetId(Handle stream, unsigned long long *id) {
  return *id = idOf(stream), 0;
}
int cuStreamIsCapturing(Handle stream, int *status) {
  return *status = isRecorded(stream), 0;
}
int cuStreamGetCaptureInfo_v2(Handle stream, int *status,
                              unsigned long long *id, Handle *graph,
                              const Handle **, size_t *) {
  if ((*status = isRecorded(stream))) {
    *id = recording->capture;
    *graph = recording;
  }
  return 0;
}
int cuThreadExchangeStreamCaptureMode(int *mode) {
  return std::swap(*mode, threadMode), 0;
}
int cuStreamBeginCapture_v2(Handle stream, int mode) {
  recording = makeGraph(++lastId);
  recordedStream = stream;
  recordingMode = mode;
  return write("begin capture");
}
int cuStreamEndCapture(Handle, Handle *graph) {
  *graph = std::exchange(recording, nullptr);
  return write("end capture");
}
int cuGraphInstantiateWithFlags(Handle *executable, Handle graph,
                                unsigned long long) {
  auto *from = static_cast<Graph *>(graph);
  Graph *made = makeGraph(from->capture, from->objects);
  made->work = from->work;
  *executable = made;
  return write("instantiate");
}
int cuGraphLaunch(Handle executable, Handle stream) {
  needContext("cuGraphLaunch");
  begin("replay", stream);
  for (const auto &work : static_cast<Graph *>(executable)->work)
    submit(stream, work);
  return write("replay");
}
int cuGraphDestroy(Handle handle) {
  auto *graph = static_cast<Graph *>(handle);
  if (--graphsOfCapture[graph->capture] == 0)
    graphsOfCapture.erase(graph->capture);
  for (UserObject *object : graph->objects)
    release(object, 1);
  delete graph;
  return write("destroy graph");
}
int cuGraphExecDestroy(Handle executable) {
  cuGraphDestroy(executable);
  return state.calls.back() = "destroy executable", 0;
}
int cuUserObjectCreate(Handle *object, void *data, void (*destroy)(void *),
                       unsigned references, unsigned flags) {
  constexpr unsigned noDestructorSync = 1; // required
  *object = new UserObject{data, destroy, references};
  return flags == noDestructorSync ? 0 : 1;
}
int cuUserObjectRelease(Handle object, unsigned count) {
  return release(static_cast<UserObject *>(object), count), 0;
}
int cuGraphRetainUserObject(Handle graph, Handle handle, unsigned count,
                            unsigned flags) {
  auto *object = static_cast<UserObject *>(handle);
  if (state.retainResult)
    return state.retainResult;
  constexpr unsigned move = 1;
  static_cast<Graph *>(graph)->objects.push_back(object);
  object->references += flags == move ? 0 : count;
  return 0;
}
}
