//===- Isa.h - instruction sets chosen at run time --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_ISA_H
#define QOPT_SUPPORT_ISA_H

#include "qopt/Support/Error.h"

#include <cstdint>
#include <string_view>

namespace qopt {

/// The instruction sets that inner loops are compiled for.
enum class Isa : uint8_t {
  Baseline, // what the rest of the program needs (x86-64-v2 on x86)
  Avx2,     // x86-64-v3: AVX2 and FMA
  Avx512,   // x86-64-v4
};

/// The best instruction set that this processor and this build have.
Isa detectIsa();
/// Whether kernels for `isa` were built and this processor can run them.
bool isaSupported(Isa isa);
/// "baseline", "avx2", "avx512".
std::string_view isaName(Isa isa);
/// The inverse, "auto" giving detectIsa(). An unknown or unsupported name is a
/// usage error that lists what this processor supports.
Result<Isa> parseIsa(std::string_view name);

} // namespace qopt

#endif // QOPT_SUPPORT_ISA_H
