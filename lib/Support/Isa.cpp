//===- Isa.cpp - choosing the instruction set -----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Support/Isa.h"

using namespace qopt;

static constexpr Isa allIsas[] = {Isa::Avx512, Isa::Avx2, Isa::Baseline};

bool qopt::isaSupported(Isa isa) {
#ifdef __x86_64__
  if (isa == Isa::Avx512)
    return __builtin_cpu_supports("x86-64-v4");
  if (isa == Isa::Avx2)
    return __builtin_cpu_supports("x86-64-v3");
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
