//===- Memory.cpp - global memory -----------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Memory.h"

using namespace ptx;

uint64_t GlobalMemory::add(std::string name, std::vector<uint8_t> bytes) {
  regions.push_back({std::move(name), std::move(bytes)});
  return uint64_t(regions.size() - 1) << regionBits;
}

void GlobalMemory::addGlobals(const Module &module) {
  for (const auto &[name, variable] : module.globals) {
    uint64_t region = variable.address >> regionBits;
    if (regions.size() <= region)
      regions.resize(region + 1);
    regions[region] = {name, variable.initial};
    regions[region].bytes.resize(variable.bytes);
  }
}

std::span<uint8_t> GlobalMemory::bytes(uint64_t address) {
  return regions.at(address >> regionBits).bytes;
}

std::string GlobalMemory::describe(uint64_t address) const {
  uint64_t region = address >> regionBits;
  if (!region || region >= regions.size() || regions[region].name.empty())
    return "address " + std::to_string(address) + " belongs to no buffer";
  return "byte " + std::to_string(address & regionMask) + " of " +
         regions[region].name + ", which has " +
         std::to_string(regions[region].bytes.size()) + " bytes";
}
