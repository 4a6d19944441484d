//===- FakeStreams.h - the order of work on the fake GPU --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The two files of FakeCuda.so share its state: this one has memory, streams
// and graphs, FakeCuda.cpp devices, modules and kernels.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_FAKESTREAMS_H
#define QOPT_TEST_FAKESTREAMS_H

#include "FakeCuda.h"

using Handle = void *;

namespace fake {

extern FakeCuda state;

/// Writes down a call; the CUresult of success.
int write(const std::string &call);
void misuse(const std::string &what);
void needContext(const char *function);

/// Whether what is put into the stream becomes part of a graph.
bool isRecorded(Handle stream);
/// Work begins in a stream: in the default one after the copies.
void begin(const std::string &what, Handle stream);
/// A kernel gets the memory as workspace; its number.
int useWorkspace(uint64_t address, Handle stream);

} // namespace fake

#endif // QOPT_TEST_FAKESTREAMS_H
