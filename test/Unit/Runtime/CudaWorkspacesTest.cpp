// Workspaces of kernels on the fake driver, which sees two streams in one, and
// flags that are not zero.
#include "CudaWorkspaces.h"
#include "CudaFixture.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

static std::string striped(const std::string &entry, int maxM, int workspace) {
  std::string row = kernel(entry, maxM);
  row.replace(row.find("\"m_tile\": 16"), 12, "\"m_tile\": 2147483647");
  return row.insert(row.rfind('}'),
                    ", \"workspace\": " + std::to_string(workspace));
}

class CudaWorkspaces : public Cuda {
protected:
  /// The workspace's number, or the error.
  std::string workspaceOf(QoptCudaStream stream, int32_t rows = 3) {
    QoptCudaCall call = {module, "linear", 1000000, weight, 6000000,
                         rows,   0,        0,       0};
    if (qopt_cuda_launch(&call, stream, error, sizeof(error)))
      return error;
    size_t at = lastCall().find(" workspace ");
    return at == std::string::npos ? "none" : lastCall().substr(at + 11);
  }
  QoptCudaStream stream() {
    QoptCudaStream stream = nullptr;
    EXPECT_EQ(qopt_cuda_stream(device, &stream, error, sizeof(error)), 0);
    return stream;
  }
  void destroy(QoptCudaStream stream) {
    qopt_cuda_stream_destroy(device, stream);
  }
  QoptCudaGraph *record(int count) {
    QoptCudaCall call = {module, "linear", 1000000, weight, 6000000,
                         3,      0,        0,       0};
    std::vector<QoptCudaCall> calls(count, call);
    QoptCudaGraph *graph = nullptr;
    EXPECT_EQ(qopt_cuda_record(device, calls.data(), count, &graph, error,
                               sizeof(error)),
              0)
        << error;
    return graph;
  }
  template <typename... Arguments>
  int driver(const char *name, Arguments... arguments) {
    void *library = dlopen(QOPT_FAKE_CUDA, RTLD_NOW);
    return reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name))(
        arguments...);
  }
  int count(const std::string &call) {
    return int(std::count(fake->calls.begin(), fake->calls.end(), call));
  }
};

TEST_F(CudaWorkspaces, StandBehindMAndServeTheNextLaunch) {
  ASSERT_EQ(load(table({striped("striped", 8, 20000), kernel("plain", 0)})),
            "");
  fake->calls.clear();
  EXPECT_EQ(launch("linear", 3), "");
  std::string launched =
      "launch striped grid 64x1x1 block 128 shared 0 "
      "parameters 1000000 2000000 3000000 6000000 3 workspace 1";
  EXPECT_EQ(fake->calls, (std::vector<std::string>{
                             "allocate 20000", "create stream", "synchronize",
                             "destroy stream", launched}));
  fake->calls.clear();
  EXPECT_EQ(launch("linear", 9), "");
  EXPECT_EQ(launch("linear", 3), "");
  ASSERT_EQ(fake->calls.size(), 2u);
  EXPECT_EQ(fake->calls[0].find("launch plain"), 0u);
  EXPECT_EQ(fake->calls[1], launched);
  qopt_cuda_close(device);
  device = nullptr;
  EXPECT_EQ(count("free"), 1);
}

TEST_F(CudaWorkspaces, HaveRoomForTheFlagsInAnyCase) {
  ASSERT_EQ(load(table({striped("striped", 0, 16)})), "");
  EXPECT_EQ(workspaceOf(nullptr), "1");
  qopt_cuda_discard(record(1));
  EXPECT_EQ(count("allocate 4096"), 2);
}

TEST_F(CudaWorkspaces, BelongToOneStream) {
  ASSERT_EQ(load(table({striped("striped", 0, 20000)})), "");
  QoptCudaStream first = stream(), second = stream();
  EXPECT_EQ(workspaceOf(first), "1");
  EXPECT_EQ(workspaceOf(second), "2");
  EXPECT_EQ(workspaceOf(nullptr), "3");
  EXPECT_EQ(workspaceOf(first), "1");
  // What has the handle of a stream that was destroyed is another stream, and
  // launches in that one may still run.
  destroy(first);
  QoptCudaStream third = stream();
  EXPECT_EQ(third, first);
  EXPECT_EQ(workspaceOf(third), "4");
  destroy(second);
  destroy(third);
}

TEST_F(CudaWorkspaces, OfStreamsPerThreadBelongToOneThread) {
  ASSERT_EQ(load(table({striped("striped", 0, 20000)})), "");
  auto *perThread = reinterpret_cast<QoptCudaStream>(2);
  std::string other;
  EXPECT_EQ(workspaceOf(perThread), "1");
  std::thread([&] { other = workspaceOf(perThread); }).join();
  EXPECT_EQ(other, "2");
  EXPECT_EQ(workspaceOf(perThread), "1");
}

TEST_F(CudaWorkspaces, AreAsLargeAsTheLargestKernelNeeds) {
  ASSERT_EQ(load(table({striped("striped_m8", 8, 20000),
                        striped("striped", 0, 50000)})),
            "");
  EXPECT_EQ(workspaceOf(nullptr, 3), "1");
  EXPECT_EQ(count("allocate 50000"), 1);
  EXPECT_EQ(workspaceOf(nullptr, 9), "1");
  // One that is larger, because a second module needs it, comes in addition:
  // launches may still run in the first.
  QoptCudaModule *old = module;
  ASSERT_EQ(load(table({striped("striped", 0, 50016)})), "");
  EXPECT_EQ(workspaceOf(nullptr), "2");
  EXPECT_EQ(count("allocate 100000"), 1);
  EXPECT_EQ(count("free"), 0);
  module = old;
  EXPECT_EQ(workspaceOf(nullptr), "2");
}

TEST_F(CudaWorkspaces, OfStreamsThatAreGoneComeBackWhenThereAreMany) {
  ASSERT_EQ(load(table({striped("striped", 0, 20000)})), "");
  QoptCudaStream lasting = stream();
  for (int i = 0; i < 200; ++i) {
    QoptCudaStream brief = stream();
    workspaceOf(brief);
    workspaceOf(lasting);
    destroy(brief);
  }
  EXPECT_LE(fake->allocations, 16);
  EXPECT_LE(count("synchronize all"), 200 / 14);
  destroy(lasting);
}

TEST_F(CudaWorkspaces, OfManyStreamsThatLastStay) {
  ASSERT_EQ(load(table({striped("striped", 0, 20000)})), "");
  std::vector<QoptCudaStream> streams(100);
  for (QoptCudaStream &one : streams)
    one = stream();
  for (int round = 0; round < 4; ++round)
    for (QoptCudaStream one : streams)
      workspaceOf(one);
  EXPECT_LE(count("synchronize all"), 10);
  fake->calls.clear();
  for (QoptCudaStream one : streams)
    workspaceOf(one);
  EXPECT_EQ(fake->calls.size(), streams.size()); // launches
  for (QoptCudaStream one : streams)
    destroy(one);
}

TEST_F(CudaWorkspaces, OfGraphsAreAsLargeAsTheyMustBe) {
  ASSERT_EQ(load(table({striped("striped_m8", 8, 20000),
                        striped("striped", 0, 50000)})),
            "");
  QoptCudaGraph *graph = record(1);
  EXPECT_EQ(count("allocate 20000"), 1);
  qopt_cuda_discard(graph);
  // Which is too small for a stream.
  EXPECT_EQ(workspaceOf(nullptr), "2");
  EXPECT_EQ(count("allocate 50000"), 1);
}

TEST_F(CudaWorkspaces, OfAGraphAreItsOwn) {
  ASSERT_EQ(load(table({striped("striped", 0, 20000)})), "");
  EXPECT_EQ(workspaceOf(nullptr), "1");
  QoptCudaGraph *first = record(2);
  EXPECT_EQ(std::count_if(fake->calls.begin(), fake->calls.end(),
                          [](const std::string &call) {
                            return call.ends_with(" workspace 2");
                          }),
            2);
  QoptCudaGraph *second = record(1);
  EXPECT_EQ(fake->allocations, 3);
  EXPECT_EQ(qopt_cuda_replay(first, nullptr, error, sizeof(error)), 0);
  qopt_cuda_discard(first);
  // That of the first is free for the next one.
  QoptCudaGraph *third = record(1);
  EXPECT_EQ(fake->allocations, 3);
  qopt_cuda_discard(second);
  qopt_cuda_discard(third);
  // And for a stream.
  QoptCudaStream another = stream();
  workspaceOf(another);
  EXPECT_EQ(fake->allocations, 3);
  destroy(another);
}

TEST_F(CudaWorkspaces, OfGraphsThatTheCallerRecordsLiveAsLongAsThese) {
  constexpr int global = 0; // mode
  ASSERT_EQ(load(table({striped("striped", 0, 20000)})), "");
  QoptCudaStream recorded = stream();
  void *graph = nullptr, *executable = nullptr;
  auto record = [&](int mode) {
    driver("cuStreamBeginCapture_v2", recorded, mode);
    std::string workspace = workspaceOf(recorded);
    EXPECT_EQ(workspaceOf(recorded), workspace);
    driver("cuStreamEndCapture", recorded, &graph);
    return workspace;
  };
  EXPECT_EQ(record(global), "1");
  driver("cuGraphInstantiateWithFlags", &executable, graph, 0ull);
  driver("cuGraphDestroy", graph);
  EXPECT_EQ(record(global), "2");
  EXPECT_EQ(workspaceOf(recorded), "3"); // outside of graphs
  driver("cuGraphExecDestroy", executable);
  driver("cuGraphDestroy", graph);
  std::string again = record(global);
  EXPECT_EQ(fake->allocations, 3) << again;
  // A graph that is left when the device is closed.
  destroy(recorded);
  qopt_cuda_close(device);
  device = nullptr;
  EXPECT_EQ(count("free"), 3);
  driver("cuGraphDestroy", graph);
}

TEST_F(CudaWorkspaces, SayWhatTheyCannotGet) {
  ASSERT_EQ(load(table({striped("striped", 0, 20000)})), "");
  fake->calls.clear();
  fake->allocateResult = 2;
  EXPECT_EQ(workspaceOf(nullptr),
            "striped: making a workspace of 20000 bytes on the GPU failed: out "
            "of memory");
  EXPECT_TRUE(fake->calls.empty());
  fake->allocateResult = 0;
  EXPECT_EQ(workspaceOf(nullptr), "1");

  fake->retainResult = 1;
  QoptCudaCall call = {module, "linear", 1000000, weight, 6000000, 3, 0, 0, 0};
  QoptCudaGraph *graph = nullptr;
  EXPECT_EQ(qopt_cuda_record(device, &call, 1, &graph, error, sizeof(error)),
            1);
  EXPECT_EQ(std::string(error),
            "striped: giving the graph a workspace failed: CUDA error 1");
  fake->retainResult = 0;
  qopt_cuda_discard(record(1));
  EXPECT_EQ(fake->allocations, 2);
}

TEST_F(CudaWorkspaces, NeedADriverThatTellsStreamsApart) {
  fake->version = 11080;
  ASSERT_EQ(load(table({striped("striped", 8, 20000), kernel("plain", 0)})),
            "");
  EXPECT_EQ(launch("linear", 3), "");
  EXPECT_EQ(lastCall().find("launch plain"), 0u);
  EXPECT_EQ(launch("striped", 3),
            "no kernel of striped takes M = 3 on Fake GPU: striped has a "
            "workspace for each stream, for which the driver has to support "
            "CUDA 12.0, and it supports 11.8");
}

// Threads, each with streams of its own, on a driver that does nothing.
TEST(CudaWorkspacesOfThreads, AreNeverInTwoLaunchesAtOnce) {
  using qopt::runtime::CudaDriver;
  static std::atomic<int> waits, users[1000];
  static std::atomic<uint64_t> allocations;
  waits = 0;
  allocations = 0;
  CudaDriver driver = {};
  driver.exchangeCaptureMode = [](int *) { return 0; };
  driver.streamGetCaptureInfo = [](void *, int *, unsigned long long *, void **,
                                   void *const **, size_t *) { return 0; };
  driver.streamGetId = [](void *stream, unsigned long long *id) {
    return *id = reinterpret_cast<uintptr_t>(stream), 0;
  };
  driver.memoryAllocate = [](uint64_t *address, size_t) {
    return *address = ++allocations, 0;
  };
  driver.memoryFree = [](uint64_t) { return 0; };
  driver.memorySetAsync = [](uint64_t, unsigned char, size_t, void *) {
    return 0;
  };
  driver.streamCreate = [](void **, unsigned) { return 0; };
  driver.streamSynchronize = driver.streamDestroy = [](void *) { return 0; };
  driver.contextSynchronize = [] { return ++waits, 0; };

  qopt::runtime::CudaWorkspaces workspaces(driver);
  constexpr int threadCount = 4, streamsOfThread = 40, launches = 2000;
  std::atomic<int> conflicts = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < threadCount; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < launches; ++i) {
        uintptr_t id = 1 + thread * streamsOfThread + i % streamsOfThread;
        qopt::runtime::CudaWorkspaces::Lease lease;
        std::string error;
        if (!workspaces.lease(reinterpret_cast<void *>(id), 4096, lease, error))
          ++conflicts;
        else if (users[lease.address]++ != 0)
          ++conflicts;
        std::this_thread::yield(); // the launch
        --users[lease.address];
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(conflicts, 0);
  EXPECT_GT(waits, 0);
  EXPECT_LE(allocations, uint64_t(threadCount * streamsOfThread));
  workspaces.clear();
}
