//===- Target.h - the CPU that kernels are made for -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// An instruction that the CPU lacks is an abort inside LLVM, or a crash when
// the code runs. So everything that emits code asks a CpuTarget what there is,
// and an unknown CPU or feature is an error here instead of a warning from
// LLVM.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_TARGET_H
#define QOPT_CODEGEN_CPU_TARGET_H

#include "qopt/Support/Error.h"

#include "llvm/ADT/StringRef.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class MCSubtargetInfo;
class TargetMachine;
} // namespace llvm

namespace qopt::cpu {

class CpuTarget {
public:
  /// `cpu` is a name that LLVM knows ("znver4", "x86-64-v3") or "host";
  /// `features` a list like "+avx2,-fma" on top of it. An empty triple is the
  /// host's; another architecture needs a CPU of its own.
  static Result<CpuTarget> resolve(llvm::StringRef cpu = "host",
                                   llvm::StringRef features = "",
                                   llvm::StringRef triple = "");

  const std::string &triple() const { return tripleName; }
  /// A CPU name, never "host".
  const std::string &cpu() const { return cpuName; }
  /// "+feature" and "-feature" on top of the CPU.
  const std::vector<std::string> &features() const { return featureList; }

  /// Whether the CPU executes a feature: "avx512f", "fma", "f16c".
  bool has(llvm::StringRef feature) const;
  bool isX86() const;
  bool isAArch64() const;
  bool isLinux() const;

  /// The first feature of this target that the machine which runs this lacks;
  /// empty if it can run everything.
  std::string missingOnHost() const;

  std::unique_ptr<llvm::TargetMachine> createTargetMachine() const;

private:
  std::string tripleName, cpuName;
  std::vector<std::string> featureList;
  std::shared_ptr<const llvm::MCSubtargetInfo> subtarget;
};

} // namespace qopt::cpu

#endif // QOPT_CODEGEN_CPU_TARGET_H
