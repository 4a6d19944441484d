//===- CudaWorkspaces.h - scratch memory of kernels -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Blocks of a kernel that share a tile of y leave sums to each other in a
// workspace: its first 4096 bytes are flags, zero whenever no launch uses it,
// and the rest is arbitrary (docs/nvptx.md, "The workspace"). So
// launches one after another may use the same one, and two at once may not:
//
// - Each stream has its own. Streams are told apart by their ids, which unlike
//   handles are never given twice, and of which CU_STREAM_PER_THREAD has one in
//   each thread.
// - So has each stream of each graph that is being recorded, because the graph
//   may run beside what is launched in that stream later. The graph and all
//   that is made from it own that workspace together (a CUuserObject); it
//   comes back when the last of them is gone.
//
// Nothing tells when a stream is destroyed. Where there are many, all that is
// in the device's context is waited for, and then their workspaces are free.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CUDAWORKSPACES_H
#define QOPT_RUNTIME_CUDAWORKSPACES_H

#include "CudaDriver.h"
#include "Dispatch.h"

#include <compare>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <vector>

namespace qopt::runtime {

/// The workspaces of a device. Its context has to be current in all calls;
/// several threads may call at once.
class CudaWorkspaces {
public:
  static constexpr size_t flagBytes = KernelRow::workspaceFlagBytes;
  /// Streams that have one before those of all streams are taken back; more
  /// where more streams are in use.
  static constexpr size_t fewStreams = 16;

  explicit CudaWorkspaces(const CudaDriver &driver) : driver(driver) {}
  CudaWorkspaces(const CudaWorkspaces &) = delete;

  /// Kernels with workspaces of so many bytes have been loaded: new ones of
  /// streams are at least as large, so that they need not grow later.
  void expect(size_t bytes);

  /// A workspace for one launch. Hold it until the launch is in the stream:
  /// meanwhile it is not taken back.
  struct Lease {
    uint64_t address = 0;
    std::shared_lock<std::shared_mutex> lock;
  };
  /// The workspace of the stream, or of the graph that is recorded from it, of
  /// at least so many bytes; made where there is none. The driver has to have
  /// streamGetId. False with a sentence in `error`.
  bool lease(CudaDriver::Handle stream, size_t bytes, Lease &lease,
             std::string &error);

  /// Frees all; nothing on the device may use them any more.
  void clear();

private:
  struct Holder {
    uint64_t capture = 0; // id of the recording; 0: none
    uint64_t stream = 0;  // id
    auto operator<=>(const Holder &) const = default;
  };
  struct Workspace {
    uint64_t address = 0;
    size_t bytes = 0;
  };
  /// Holders of whose graphs nothing is left. CUDA says so in a thread of its
  /// own, which must not wait for a thread that waits for CUDA.
  struct Ended {
    std::mutex mutex;
    std::vector<Holder> holders;
  };

  bool identify(CudaDriver::Handle stream, Holder &holder,
                CudaDriver::Handle &graph, std::string &error) const;
  bool add(const Holder &holder, CudaDriver::Handle graph, size_t bytes,
           std::string &error);
  bool make(size_t bytes, Workspace &workspace, std::string &error) const;
  bool tieToGraph(const Holder &holder, CudaDriver::Handle graph,
                  std::string &error) const;
  /// The ids of streams that have a workspace.
  std::set<uint64_t> streams() const;
  bool isOneTooMany(const Holder &holder);
  void takeBack(const Holder &holder);
  void takeBackOfGraphs();
  void takeBackOfStreams();

  const CudaDriver &driver;
  std::shared_mutex launching;   // shared by leases, and locked before `mutex`
  std::mutex mutex;              // of what follows, except `ended`
  size_t usualBytes = flagBytes; // for streams
  /// The last is the current one. Those before it were too small; what was
  /// launched with them may still run.
  std::map<Holder, std::vector<Workspace>> held;
  std::multimap<size_t, uint64_t> idle; // bytes -> address
  size_t mostStreams = fewStreams;
  std::set<uint64_t> takenBack; // ids of streams, not for ever
  std::shared_ptr<Ended> ended = std::make_shared<Ended>();
};

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CUDAWORKSPACES_H
