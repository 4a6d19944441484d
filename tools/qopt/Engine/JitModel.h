//===- JitModel.h - a model compiled into this process ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_JITMODEL_H
#define QOPT_TOOLS_JITMODEL_H

#include "Cpu/CpuModel.h"

#include "qopt/Codegen/CPU/Jit.h"
#include "qopt/Codegen/CPU/ModelCompiler.h"
#include "qopt/Interp/TokenModel.h"

namespace qopt {

class JitModel : public TokenModel {
public:
  struct Options {
    std::string cpu = "host";
    bool exact = false, profile = false, repack = true;
    int32_t cache = 0;                // QOPT_RT_CACHE_*
    int64_t threads = 0, context = 0; // as in runtime::CpuModel
    std::string codeCache;            // directory; empty: none
  };
  /// BadInput if an op is not covered. Module and services must outlive it.
  static Result<std::unique_ptr<JitModel>> create(mlir::ModuleOp module,
                                                  QuantizationContext &services,
                                                  const Options &options,
                                                  Progress &progress);

  int64_t vocabularySize() const override {
    return runtime->description().vocabulary;
  }
  int64_t contextLength() const override { return runtime->context(); }
  Result<Tensor>
  windowLogits(std::span<const std::vector<int32_t>> windows) override;
  Result<std::vector<float>> append(std::span<const int32_t> tokens) override;
  void restart() override { runtime->rewind(0); }
  ComputeContext compute() override { return services->compute(); }

  runtime::CpuModel &running() { return *runtime; }
  /// JSON, see runtime/lib/Cpu/CompiledModel.h.
  const std::string &description() const { return descriptionText; }
  /// All weights, as the code reads them.
  const std::vector<ByteSpan> &weightBytes() const { return weights.tensors; }
  /// With Options::profile: measures the steps from now on, from zero, or stops
  /// to.
  void setProfiling(bool on);
  /// See CompiledModel::decoded.
  const std::vector<std::string> &decoded() const { return decodedSchemes; }
  /// Seconds that code generation, and that preparing weights took.
  double compileSeconds = 0, loadSeconds = 0;

private:
  QuantizationContext *services = nullptr;
  std::optional<cpu::Jit> jit;
  cpu::ModelWeights::Loaded weights;
  std::vector<std::string> decodedSchemes;
  std::string descriptionText;
  QoptRtForward usual = nullptr, profiled = nullptr;
  std::unique_ptr<runtime::CpuModel> runtime;
};

} // namespace qopt

#endif // QOPT_TOOLS_JITMODEL_H
