//===- Counters.cpp - what a kernel executed ------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Counters.h"

#include <algorithm>
#include <cstdio>
#include <map>

using namespace ptx;

const char *ptx::name(Class klass) {
  static constexpr const char *names[] = {
      "integer",      "logic",        "f32",          "half",
      "convert",      "move",         "control",      "synchronization",
      "shuffle",      "load_global",  "store_global", "load_shared",
      "store_shared", "other_memory", "atomic",       "async_copy",
      "matrix_load",  "mma",          "wgmma",        "mbarrier"};
  return names[unsigned(klass)];
}

void Counters::global(const Instruction &in,
                      std::span<const uint64_t> addresses, unsigned size) {
  Row &counts = row(in);
  std::vector<uint64_t> sectors;
  for (uint64_t address : addresses)
    for (uint64_t sector = address / 32; sector <= (address + size - 1) / 32;
         ++sector)
      sectors.push_back(sector);
  std::sort(sectors.begin(), sectors.end());
  counts.sectors +=
      std::unique(sectors.begin(), sectors.end()) - sectors.begin();
  counts.bytes += addresses.size() * size;
  ++counts.accesses;
}

void Counters::shared(const Instruction &in,
                      std::span<const uint64_t> addresses, unsigned size) {
  Row &counts = row(in);
  size_t together = size <= 4 ? 32 : std::max(1u, 128 / size);
  for (size_t first = 0; first < addresses.size(); first += together) {
    std::vector<uint64_t> words; // distinct ones: a broadcast is free
    for (uint64_t address :
         addresses.subspan(first, std::min(together, addresses.size() - first)))
      for (uint64_t word = address / 4; word <= (address + size - 1) / 4;
           ++word)
        words.push_back(word);
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    unsigned banks[32] = {};
    for (uint64_t word : words)
      ++banks[word % 32];
    counts.wavefronts += *std::max_element(banks, banks + 32);
    counts.idealWavefronts += std::max<size_t>(1, (words.size() + 31) / 32);
  }
  counts.bytes += addresses.size() * size;
  ++counts.accesses;
}

static std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

std::string Counters::json() const {
  std::map<std::string, std::pair<uint64_t, uint64_t>> classes;
  uint64_t warps = 0, threads = 0, loaded = 0, stored = 0, copied = 0;
  std::string globals, shareds;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row &row = rows[i];
    const Instruction &in = program.code[i];
    auto &sum = classes[name(in.klass)];
    sum.first += row.executions;
    sum.second += row.threads;
    warps += row.executions;
    threads += row.threads;
    if (!row.accesses)
      continue;
    std::string head = "{\"line\": " + std::to_string(in.line) +
                       ", \"instruction\": \"" + in.opcode +
                       "\", \"executions\": " + std::to_string(row.accesses) +
                       ", \"bytes\": " + std::to_string(row.bytes);
    if (row.sectors) {
      (in.klass == Class::LoadGlobal  ? loaded
       : in.klass == Class::AsyncCopy ? copied
                                      : stored) += row.bytes;
      globals += (globals.empty() ? "\n    " : ",\n    ") + head +
                 ", \"sectors\": " + std::to_string(row.sectors) +
                 ", \"efficiency\": " +
                 number(double(row.bytes) / (32.0 * row.sectors)) + "}";
    } else {
      shareds += (shareds.empty() ? "\n    " : ",\n    ") + head +
                 ", \"wavefronts\": " + std::to_string(row.wavefronts) +
                 ", \"ways\": " +
                 number(double(row.wavefronts) / row.idealWavefronts) + "}";
    }
  }
  std::string text =
      "{\n  \"warp_instructions\": " + std::to_string(warps) +
      ",\n  \"thread_instructions\": " + std::to_string(threads) +
      ",\n  \"classes\": {";
  bool first = true;
  for (auto &[klass, sum] : classes) {
    if (!sum.first)
      continue;
    text += std::string(first ? "" : ",") + "\n    \"" + klass +
            "\": {\"warp\": " + std::to_string(sum.first) +
            ", \"thread\": " + std::to_string(sum.second) + "}";
    first = false;
  }
  return text +
         "\n  },\n  \"global_bytes\": {\"loaded\": " + std::to_string(loaded) +
         ", \"copied_async\": " + std::to_string(copied) +
         ", \"stored\": " + std::to_string(stored) + "},\n  \"global\": [" +
         globals + "],\n  \"shared\": [" + shareds + "]\n}\n";
}
