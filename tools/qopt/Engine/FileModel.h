//===- FileModel.h - a model that `qopt compile` wrote ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_FILEMODEL_H
#define QOPT_TOOLS_FILEMODEL_H

#include "qopt_rt.h"

#include "qopt/Interp/TokenModel.h"

namespace qopt {

/// The functions of qopt_rt.h in a shared object. It has a runtime of its own:
/// that of this tool is not used.
class FileModel : public TokenModel {
public:
  static Result<std::unique_ptr<FileModel>> open(const std::string &path,
                                                 const QoptRtOptions &options);
  ~FileModel() override;

  int64_t vocabularySize() const override { return vocabulary; }
  int64_t contextLength() const override { return context; }
  Result<Tensor>
  windowLogits(std::span<const std::vector<int32_t>> windows) override;
  Result<std::vector<float>> append(std::span<const int32_t> tokens) override;
  void restart() override { (void)functions.rewind(model, 0, nullptr, 0); }
  ComputeContext compute() override { return {pool, detectIsa()}; }

  /// JSON, see runtime/lib/Cpu/CompiledModel.h.
  std::string description() const { return functions.description(model); }

private:
  template <typename... Arguments>
  Status call(int (*function)(QoptRt *, Arguments..., char *, size_t),
              std::type_identity_t<Arguments>... arguments);

  struct Functions {
    decltype(&qopt_rt_open) open;
    decltype(&qopt_rt_close) close;
    decltype(&qopt_rt_prefill) prefill;
    decltype(&qopt_rt_evaluate) evaluate;
    decltype(&qopt_rt_logits) logits;
    decltype(&qopt_rt_rewind) rewind;
    decltype(&qopt_rt_vocabulary) vocabulary;
    decltype(&qopt_rt_context) context;
    decltype(&qopt_rt_description) description;
  };
  void *library = nullptr;
  Functions functions = {};
  QoptRt *model = nullptr;
  int64_t vocabulary = 0, context = 0;
  ThreadPool pool;
};

} // namespace qopt

#endif // QOPT_TOOLS_FILEMODEL_H
