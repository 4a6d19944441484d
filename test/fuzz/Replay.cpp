//===- Replay.cpp - a fuzz target on the files of its corpus --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// `JsonReplay test/fuzz/corpus/json` feeds every file of the directory to the
// target, in order of names, in an ordinary build.
//
//===----------------------------------------------------------------------===//
#include "Fuzz.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace fs = std::filesystem;

int main(int argc, char **argv) {
  std::vector<fs::path> files;
  for (int i = 1; i < argc; ++i) {
    std::error_code failed;
    for (const fs::directory_entry &entry :
         fs::directory_iterator(argv[i], failed))
      if (entry.is_regular_file())
        files.push_back(entry.path());
    if (failed) {
      std::fprintf(stderr, "%s: %s\n", argv[i], failed.message().c_str());
      return 1;
    }
  }
  std::sort(files.begin(), files.end());
  for (const fs::path &file : files) {
    std::fprintf(stderr, "%s\n", file.c_str()); // the last one is the culprit
    std::ifstream stream(file, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    // Memory of exactly this size, so that a sanitizer sees a read past it.
    std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), copy.get());
    LLVMFuzzerTestOneInput(copy.get(), bytes.size());
  }
  std::printf("%zu files replayed\n", files.size());
  return files.empty();
}
