//===- Isa.cpp - choosing the instruction set -----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Support/Isa.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

using namespace qopt;

static constexpr Isa allIsas[] = {Isa::Avx512, Isa::Avx2, Isa::Baseline};

#ifdef __x86_64__
/// The register state that the system saves: XCR0.
static uint64_t savedState() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

/// Whether the processor executes x86-64-v3 or -v4, as the psABI defines them,
/// and the system saves their registers. Asked for by hand because the
/// compiler's __builtin_cpu_supports needs its support library, which files
/// that `qopt compile` links do without.
static bool supportsLevel(int level) {
  auto has = [](uint32_t word, std::initializer_list<int> bits) {
    for (int bit : bits)
      if (!(word >> bit & 1))
        return false;
    return true;
  };
  uint32_t a, b, c, d;
  // FMA, MOVBE, OSXSAVE, AVX, F16C
  if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, {12, 22, 27, 28, 29}))
    return false;
  const uint64_t wanted = level == 4 ? 0xe6 : 0x6;
  if ((savedState() & wanted) != wanted)
    return false;
  // LZCNT
  if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !has(c, {5}))
    return false;
  // BMI1, AVX2, BMI2; AVX-512 F, DQ, CD, BW, VL
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && has(b, {3, 5, 8}) &&
         (level < 4 || has(b, {16, 17, 28, 30, 31}));
}
#endif

bool qopt::isaSupported(Isa isa) {
#ifdef __x86_64__
  if (isa == Isa::Avx512)
    return supportsLevel(4);
  if (isa == Isa::Avx2)
    return supportsLevel(3);
#endif
  return isa == Isa::Baseline;
}

Isa qopt::detectIsa() {
  static const Isa best = [] {
    for (Isa isa : allIsas)
      if (isaSupported(isa))
        return isa;
    return Isa::Baseline;
  }();
  return best;
}

std::string_view qopt::isaName(Isa isa) {
  switch (isa) {
  case Isa::Avx512:
    return "avx512";
  case Isa::Avx2:
    return "avx2";
  case Isa::Baseline:
    break;
  }
  return "baseline";
}

Result<Isa> qopt::parseIsa(std::string_view name) {
  if (name == "auto")
    return detectIsa();
  std::string supported = "auto";
  for (Isa isa : allIsas) {
    if (!isaSupported(isa))
      continue;
    if (name == isaName(isa))
      return isa;
    supported += str(", ", isaName(isa));
  }
  return usageError("instruction set '", name,
                    "' is not available here; use one of: ", supported);
}
