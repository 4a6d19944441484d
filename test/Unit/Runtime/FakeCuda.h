//===- FakeCuda.h - a driver that only writes down calls --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// FakeCuda.so exports the functions of libcuda.so.1 that the runtime uses. Its
// GPU has 10 multiprocessors, compute capability 9.0, and memory that is the
// host's. A "module" is the text of a table of kernels.
//
// It holds the runtime to what a real driver forgives most of the time: the
// bytes of a copy to the device arrive only when something waits for the
// default stream, so that a launch on another stream before that is a misuse;
// and so is every call that needs a context while another one is current, or
// that is unsafe while a stream is recorded.
//
// An entry whose name begins with "striped" has a workspace behind M: launches
// in two streams may not use the same one, unless the host has waited for the
// first, nor may a graph that is not gone; and its first 4096 bytes have to be
// zero. Handles of streams are given again, ids are not.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_FAKECUDA_H
#define QOPT_TEST_FAKECUDA_H

#include <cstdint>
#include <string>
#include <vector>

struct FakeCuda {
  /// What happened, in order: "load", "launch ENTRY grid 1x2 block 32 shared 0
  /// parameters … workspace 1", "begin capture", … Memory that was allocated is
  /// named by its number, from 1.
  std::vector<std::string> calls;
  /// What must not happen.
  std::vector<std::string> misuses;
  /// The stack of contexts of the thread, the current one last.
  std::vector<void *> contexts;

  // What the fake answers.
  int version = 13000;
  int devices = 1;
  int computeMajor = 9;
  int loadResult = 0;  // a CUresult
  std::string loadLog; // the JIT's error log
  bool hasTable = true;
  int blocksPerMultiprocessor = 2;
  size_t sharedPerMultiprocessor = 0; // if set, it bounds the blocks instead
  int occupancyQuestions = 0;
  int allocations = 0;
  int launchResult = 0;
  int workResult = 0; // of waiting
  int allocateResult = 0;
  int retainResult = 0;
};

/// The state of the loaded FakeCuda.so.
extern "C" FakeCuda *fakeCuda();

#endif // QOPT_TEST_FAKECUDA_H
