//===- GlobalOrder.h - what CTAs may see of each other's writes -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What a CTA has written to global memory another one may read, weakly, only
// when it has acquired what the first released afterwards: by st.release and
// ld.acquire, by strong accesses with fences around them, by atomics, or at a
// barrier of their cluster. The emulator runs one instruction after another, so
// that a kernel without that order would give right results here alone.
//
// The threads of a CTA count as one: what their barriers order is not looked
// at. Clocks are vector clocks, with an entry for each CTA that was heard of.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_GLOBALORDER_H
#define PTX_EMU_GLOBALORDER_H

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>

namespace ptx {

class GlobalOrder {
public:
  enum class Strength { Weak, Relaxed, Synchronizing };

  void store(uint64_t cta, uint64_t address, unsigned size, Strength strength);
  /// The CTA whose write is read too early, if there is one.
  std::optional<uint64_t> load(uint64_t cta, uint64_t address, unsigned size,
                               Strength strength);
  /// An atomic, which is taken for an acquire and a release.
  void exchange(uint64_t cta, uint64_t address);
  void fence(uint64_t cta);
  /// Has seen all that another one has done so far.
  void join(uint64_t cta, uint64_t other);

private:
  using Clock = std::map<uint64_t, uint32_t>; // by CTA
  struct State {
    Clock seen;     // of others
    Clock released; // as of the last fence
    Clock found;    // by relaxed loads since then
    uint32_t time = 1;
  };
  struct Write {
    uint64_t cta;
    uint32_t time;
  };
  Clock release(uint64_t cta);
  static void merge(Clock &into, const Clock &other);

  std::unordered_map<uint64_t, State> states;   // by CTA
  std::unordered_map<uint64_t, Write> writes;   // by address / 2
  std::unordered_map<uint64_t, Clock> releases; // by address
};

} // namespace ptx

#endif // PTX_EMU_GLOBALORDER_H
