//===- Target.cpp - the CPU that kernels are made for ---------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace qopt;
using namespace qopt::cpu;

/// LLVM's target of a triple, once all targets are registered.
static const llvm::Target *findTarget(const std::string &triple,
                                      std::string &reason) {
  static const bool initialized = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers(); // of inline assembly
    return true;
  }();
  (void)initialized;
  return llvm::TargetRegistry::lookupTarget(llvm::Triple(triple), reason);
}

/// What the machine that runs this has more or less than its CPU's model, in a
/// fixed order.
static std::vector<std::string>
hostFeatures(const llvm::MCSubtargetInfo &model) {
  std::vector<std::string> result;
  for (const auto &feature : llvm::sys::getHostCPUFeatures()) {
    std::string enable = "+" + feature.first().str();
    if (model.checkFeatures(enable) != feature.second)
      result.push_back(feature.second ? enable : "-" + feature.first().str());
  }
  llvm::sort(result);
  return result;
}

static Status verifyFeature(const llvm::MCSubtargetInfo &subtarget,
                            const std::string &feature) {
  if (feature.size() < 2 || (feature[0] != '+' && feature[0] != '-'))
    return usageError("feature '", feature, "' must be +name or -name");
  for (const llvm::SubtargetFeatureKV &known :
       subtarget.getAllProcessorFeatures())
    if (llvm::StringRef(feature).drop_front() == known.Key)
      return {};
  return usageError("LLVM knows no feature '", feature.substr(1), "' of ",
                    subtarget.getTargetTriple().str());
}

Result<CpuTarget> CpuTarget::resolve(llvm::StringRef cpu,
                                     llvm::StringRef features,
                                     llvm::StringRef triple) {
  CpuTarget result;
  result.tripleName =
      triple.empty() ? llvm::sys::getDefaultTargetTriple() : triple.str();
  std::string reason;
  const llvm::Target *target = findTarget(result.tripleName, reason);
  if (!target)
    return usageError("cannot generate code for '", result.tripleName,
                      "': ", reason);
  llvm::Triple wanted(result.tripleName);
  std::unique_ptr<const llvm::MCSubtargetInfo> generic(
      target->createMCSubtargetInfo(wanted, "", ""));
  if (cpu == "host") {
    if (wanted.getArch() !=
        llvm::Triple(llvm::sys::getDefaultTargetTriple()).getArch())
      return usageError("the host's CPU is no ", result.tripleName,
                        "; name one with cpu=");
    result.cpuName = llvm::sys::getHostCPUName().str();
    std::unique_ptr<const llvm::MCSubtargetInfo> model(
        target->createMCSubtargetInfo(wanted, result.cpuName, ""));
    result.featureList = hostFeatures(*model);
  } else if (cpu.empty() || !generic->isCPUStringValid(cpu)) {
    return usageError("LLVM knows no CPU '", cpu.str(), "' of ",
                      result.tripleName);
  } else {
    result.cpuName = cpu.str();
  }
  for (llvm::StringRef feature : llvm::split(features, ',')) {
    if (feature.trim().empty())
      continue;
    std::string name = feature.trim().str();
    QOPT_CHECK(verifyFeature(*generic, name));
    result.featureList.push_back(name);
  }
  result.subtarget.reset(target->createMCSubtargetInfo(
      wanted, result.cpuName, llvm::join(result.featureList, ",")));
  return result;
}

bool CpuTarget::has(llvm::StringRef feature) const {
  // LLVM aborts on the name of a feature that another architecture has.
  return llvm::any_of(subtarget->getAllProcessorFeatures(),
                      [&](const llvm::SubtargetFeatureKV &known) {
                        return feature == known.Key;
                      }) &&
         subtarget->checkFeatures(("+" + feature).str());
}

bool CpuTarget::isX86() const { return subtarget->getTargetTriple().isX86(); }

bool CpuTarget::isLinux() const {
  return subtarget->getTargetTriple().isOSLinux();
}

bool CpuTarget::isAArch64() const {
  return subtarget->getTargetTriple().isAArch64();
}

std::string CpuTarget::missingOnHost() const {
  llvm::Triple host(llvm::sys::getDefaultTargetTriple());
  if (subtarget->getTargetTriple().getArch() != host.getArch())
    return tripleName;
  std::vector<std::string> missing;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    if (!feature.second && has(feature.first()))
      missing.push_back(feature.first().str());
  llvm::sort(missing);
  return missing.empty() ? "" : missing.front();
}

std::unique_ptr<llvm::TargetMachine> CpuTarget::createTargetMachine() const {
  std::string reason;
  const llvm::Target *target = findTarget(tripleName, reason);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      llvm::Triple(tripleName), cpuName, llvm::join(featureList, ","),
      llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}
