//===- FakeStreams.h - the order of work on the fake GPU --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The two files of FakeCuda.so share its state: this one has memory, streams
// and graphs, FakeCuda.cpp devices, modules and kernels. With a third one,
// EmulatedKernels.cpp, they are EmulatedCuda.so, which executes PTX.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_FAKESTREAMS_H
#define QOPT_TEST_FAKESTREAMS_H

#include "FakeCuda.h"

#include <functional>

using Handle = void *;

namespace fake {

extern FakeCuda state;

/// Writes down a call; the CUresult of success.
int write(const std::string &call);
void misuse(const std::string &what);
/// To stderr; and the next wait for a stream fails.
void fail(const std::string &what);
void needContext(const char *function);

/// Whether what is put into the stream becomes part of a graph.
bool isRecorded(Handle stream);
/// Work begins in a stream: in the default one after the copies.
void begin(const std::string &what, Handle stream);
/// A kernel gets the memory as workspace; its number.
int useWorkspace(uint64_t address, Handle stream);
/// Puts work into the stream or the graph that is recorded from it. It is done
/// when somebody waits for the stream.
void submit(Handle stream, std::function<void()> work);
/// Bytes from the address to the end of its memory; 0 if it was not allocated.
size_t allocatedBytes(uint64_t address);

/// What modules of PTX do; in FakeCuda.so there is nothing.
class Kernels {
public:
  virtual ~Kernels() = default;
  virtual int sharedPerBlock() const = 0; // bytes
  /// The table of the module; empty with a reason in `log` if there is none.
  virtual std::string load(const char *ptx, std::string &log) = 0;
  struct Launch {
    std::string entry;
    unsigned grid[3], block, shared;
    bool overlap; // with the one before it in the stream
  };
  /// The CUresult of launching.
  virtual int launch(const Launch &launch, Handle stream,
                     void **parameters) = 0;
};
extern Kernels *kernels;

} // namespace fake

#endif // QOPT_TEST_FAKESTREAMS_H
