// What the tests of the IO layer share: a directory that goes away, whole files
// as bytes, and the mutation loop that every parser must survive.
#ifndef QOPT_TEST_UNIT_IO_TESTFILES_H
#define QOPT_TEST_UNIT_IO_TESTFILES_H

#include "qopt/IO/Bytes.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <stdlib.h>
#include <vector>

namespace qopt::test {

class TemporaryDirectory {
public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "/qopt-io-XXXXXX";
    root = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(root); }
  std::string path(std::string_view name = "") const {
    return (root / name).string();
  }
  std::string write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((root / name).parent_path());
    std::ofstream(root / name, std::ios::binary) << content;
    return path(name);
  }
  size_t count() const {
    return std::distance(std::filesystem::directory_iterator(root), {});
  }

private:
  std::filesystem::path root;
};

inline std::string contentOf(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline ByteSpan span(std::string_view text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

template <typename T> std::string littleEndian(T value) {
  return {reinterpret_cast<const char *>(&value), sizeof(T)};
}

inline std::string replaced(std::string text, std::string_view what,
                            std::string_view with) {
  size_t place = text.find(what);
  EXPECT_NE(place, text.npos) << what;
  return text.replace(place, what.size(), with);
}

/// The bytes in memory of exactly their size, so that reading past the end is
/// seen by a sanitizer.
inline void onExactCopy(std::string_view bytes,
                        const std::function<void(ByteSpan)> &use) {
  std::unique_ptr<uint8_t[]> copy(new uint8_t[bytes.size()]);
  std::copy(bytes.begin(), bytes.end(), copy.get());
  use({copy.get(), bytes.size()});
}

/// Calls `parse` with `count` deterministic mutations of `valid`: bit flips,
/// overwritten words of telling values, removed, doubled and moved ranges.
inline void mutate(const std::string &valid, int count,
                   const std::function<void(ByteSpan)> &parse) {
  std::mt19937_64 random(7);
  constexpr uint64_t telling[] = {0,
                                  1,
                                  31,
                                  0x7f,
                                  0x80,
                                  0xff,
                                  0x7fffffff,
                                  0x80000000,
                                  0xffffffff,
                                  INT64_MAX,
                                  uint64_t(1) << 63,
                                  UINT64_MAX,
                                  UINT64_MAX - 31,
                                  uint64_t(1) << 61};
  for (int i = 0; i < count; ++i) {
    std::string bytes = valid;
    for (int edits = 1 + random() % 3; edits > 0 && !bytes.empty(); --edits) {
      size_t place = random() % bytes.size();
      size_t length = std::min<size_t>(random() % 16, bytes.size() - place);
      switch (random() % 5) {
      case 0:
        bytes[place] ^= 1 << random() % 8;
        break;
      case 1: {
        std::string word = littleEndian(telling[random() % std::size(telling)]);
        size_t size = size_t(1) << random() % 4;
        bytes.replace(place, std::min(size, bytes.size() - place),
                      word.substr(0, size));
        break;
      }
      case 2:
        bytes.erase(place, length);
        break;
      case 3:
        bytes.insert(place, bytes.substr(place, length));
        break;
      case 4:
        bytes.resize(place);
        break;
      }
    }
    onExactCopy(bytes, parse);
  }
}

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_IO_TESTFILES_H
