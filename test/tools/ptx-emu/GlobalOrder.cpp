//===- GlobalOrder.cpp - what CTAs may see of each other's writes ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GlobalOrder.h"

#include <algorithm>

using namespace ptx;

void GlobalOrder::merge(Clock &into, const Clock &other) {
  for (auto [cta, time] : other)
    into[cta] = std::max(into[cta], time);
}

/// What a CTA has seen and done; what it does next is behind that.
GlobalOrder::Clock GlobalOrder::release(uint64_t cta) {
  State &state = states[cta];
  Clock clock = state.seen;
  clock[cta] = state.time++;
  return clock;
}

void GlobalOrder::store(uint64_t cta, uint64_t address, unsigned size,
                        Strength strength) {
  State &state = states[cta];
  for (uint64_t place = address / 2; place < (address + size + 1) / 2; ++place)
    writes[place] = {cta, state.time};
  if (strength == Strength::Synchronizing)
    releases[address] = release(cta);
  else if (strength == Strength::Relaxed)
    releases[address] = state.released;
  else
    releases.erase(address);
}

std::optional<uint64_t> GlobalOrder::load(uint64_t cta, uint64_t address,
                                          unsigned size, Strength strength) {
  State &state = states[cta];
  if (strength != Strength::Weak) {
    if (auto found = releases.find(address); found != releases.end())
      merge(strength == Strength::Synchronizing ? state.seen : state.found,
            found->second);
    return std::nullopt;
  }
  for (uint64_t place = address / 2; place < (address + size + 1) / 2;
       ++place) {
    auto found = writes.find(place);
    if (found == writes.end() || found->second.cta == cta)
      continue;
    auto known = state.seen.find(found->second.cta);
    if (known == state.seen.end() || known->second < found->second.time)
      return found->second.cta;
  }
  return std::nullopt;
}

void GlobalOrder::exchange(uint64_t cta, uint64_t address) {
  Clock &known = releases[address];
  merge(states[cta].seen, known);
  merge(known, release(cta));
}

void GlobalOrder::fence(uint64_t cta) {
  State &state = states[cta];
  merge(state.seen, state.found);
  state.released = release(cta);
}

void GlobalOrder::join(uint64_t cta, uint64_t other) {
  merge(states[cta].seen, release(other));
}
