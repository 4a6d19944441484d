//===- Fuzz.h - what the fuzz targets share ---------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A target is one function from bytes to nothing. It hands the bytes to a
// parser and checks what must hold whatever the parser answers. libFuzzer calls
// it with inputs of its own making, Replay.cpp with the files of the corpus.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_FUZZ_FUZZ_H
#define QOPT_TEST_FUZZ_FUZZ_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

/// The name that libFuzzer looks for.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace qopt::fuzz {

inline std::string_view text(const uint8_t *data, size_t size) {
  return {reinterpret_cast<const char *>(data), size};
}

/// Ends the program as a crash does if a property does not hold.
inline void require(bool holds, const char *property) {
  if (holds)
    return;
  std::fprintf(stderr, "fuzz target: violated: %s\n", property);
  std::abort();
}

} // namespace qopt::fuzz

#endif // QOPT_TEST_FUZZ_FUZZ_H
