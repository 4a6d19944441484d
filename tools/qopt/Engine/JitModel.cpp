//===- JitModel.cpp - a model compiled into this process ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Engine/JitModel.h"

#include <chrono>
#include <unordered_map>

using namespace qopt;

using Clock = std::chrono::steady_clock;
static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What compiled code calls.
static std::vector<std::pair<llvm::StringRef, void *>> runtimeSymbols() {
  auto symbol = [](llvm::StringRef name, auto *function) {
    return std::pair(name, reinterpret_cast<void *>(function));
  };
  return {symbol("qopt_rt_barrier", qopt_rt_barrier),
          symbol("qopt_rt_barrier_fetching", qopt_rt_barrier_fetching),
          symbol("qopt_rt_mark", qopt_rt_mark),
          symbol("qopt_rt_embedding", qopt_rt_embedding),
          symbol("qopt_rt_linear", qopt_rt_linear),
          symbol("qopt_rt_linear_prepared", qopt_rt_linear_prepared),
          symbol("qopt_rt_decode_rows", qopt_rt_decode_rows),
          symbol("qopt_rt_linear_row", qopt_rt_linear_row),
          symbol("qopt_rt_rope", qopt_rt_rope),
          symbol("qopt_rt_attention", qopt_rt_attention),
          symbol("qopt_rt_route", qopt_rt_route),
          symbol("qopt_rt_dispatch", qopt_rt_dispatch),
          symbol("qopt_rt_combine", qopt_rt_combine)};
}

Result<std::unique_ptr<JitModel>>
JitModel::create(mlir::ModuleOp module, QuantizationContext &services,
                 const Options &options, Progress &progress) {
  auto model = std::make_unique<JitModel>();
  model->services = &services;
  const Clock::time_point compiling = Clock::now();
  QOPT_ASSIGN(cpu::CpuTarget target, cpu::CpuTarget::resolve(options.cpu));
  cpu::ModelCompilerOptions compilerOptions;
  compilerOptions.profile = options.profile;
  compilerOptions.exact = options.exact;
  compilerOptions.repack = options.repack;
  QOPT_ASSIGN(cpu::CompiledModel compiled,
              cpu::compileModel(module, services, target, compilerOptions));
  const cpu::ObjectCache cache(options.codeCache);
  QOPT_ASSIGN(model->jit,
              cpu::Jit::compile(*compiled.code, runtimeSymbols(),
                                options.codeCache.empty() ? nullptr : &cache));
  using Forward = void(const QoptRtCall *, int64_t);
  QOPT_ASSIGN(model->usual, model->jit->lookup<Forward>(cpu::modelForwardName));
  if (options.profile) {
    QOPT_ASSIGN(model->profiled,
                model->jit->lookup<Forward>(cpu::modelProfileName));
  }
  model->compileSeconds = secondsSince(compiling);

  const Clock::time_point loading = Clock::now();
  QOPT_ASSIGN(model->weights, compiled.weights.load(progress));
  std::unordered_map<std::string, std::string_view> byName;
  for (auto [tensor, bytes] :
       llvm::zip(compiled.weights.tensors(), model->weights.tensors))
    byName[tensor.name] = {reinterpret_cast<const char *>(bytes.data()),
                           bytes.size()};
  model->decodedSchemes = std::move(compiled.decoded);
  model->descriptionText = compiled.description;
  std::string error;
  model->runtime = runtime::CpuModel::open(
      model->usual, compiled.description,
      [&](const std::string &name) { return byName[name]; },
      {options.threads, options.context,
       options.exact ? runtime::CacheType::F32
                     : runtime::CacheType(options.cache)},
      error);
  if (!model->runtime)
    return badInput(error);
  model->loadSeconds = secondsSince(loading);
  return model;
}

Result<Tensor>
JitModel::windowLogits(std::span<const std::vector<int32_t>> windows) {
  int64_t rows = 0;
  for (const std::vector<int32_t> &window : windows)
    rows += window.size();
  const int64_t vocabulary = vocabularySize();
  Tensor logits(rows, vocabulary);
  // The sequence of the model is put aside: windows start at position 0, over
  // the entries of the cache, so it must be empty.
  if (runtime->length() != 0)
    return internalError("windows are evaluated before a sequence begins");
  int64_t first = 0;
  for (const std::vector<int32_t> &window : windows) {
    std::string error;
    bool done =
        runtime->append(window,
                        logits.mutableValues().subspan(
                            first * vocabulary, window.size() * vocabulary),
                        error);
    runtime->rewind(0);
    if (!done)
      return badInput(error);
    first += window.size();
  }
  return logits;
}

Result<std::vector<float>> JitModel::append(std::span<const int32_t> tokens) {
  std::vector<float> logits(vocabularySize());
  std::string error;
  if (!runtime->append(tokens, logits, error))
    return badInput(error);
  return logits;
}

void JitModel::setProfiling(bool on) {
  if (on)
    runtime->clearStepSeconds();
  runtime->useForward(on ? profiled : usual);
}
