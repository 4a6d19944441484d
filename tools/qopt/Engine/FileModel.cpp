//===- FileModel.cpp - a model that `qopt compile` wrote ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Engine/FileModel.h"

#include <dlfcn.h>

using namespace qopt;

Result<std::unique_ptr<FileModel>>
FileModel::open(const std::string &path, const QoptRtOptions &options) {
  auto result = std::make_unique<FileModel>();
  // A name without a slash would be searched for in the system's directories.
  std::string place = path.find('/') == std::string::npos ? "./" + path : path;
  result->library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!result->library)
    return badInput(path, ": cannot be loaded: ", dlerror());
  Functions &functions = result->functions;
  bool complete = true;
  auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        dlsym(result->library, name));
    complete &= function != nullptr;
  };
  find(functions.open, "qopt_rt_open");
  find(functions.close, "qopt_rt_close");
  find(functions.prefill, "qopt_rt_prefill");
  find(functions.evaluate, "qopt_rt_evaluate");
  find(functions.logits, "qopt_rt_logits");
  find(functions.rewind, "qopt_rt_rewind");
  find(functions.vocabulary, "qopt_rt_vocabulary");
  find(functions.context, "qopt_rt_context");
  find(functions.description, "qopt_rt_description");
  if (!complete)
    return badInput(path, ": is a shared object, but not one that `qopt "
                          "compile` wrote");
  char error[1024];
  if (functions.open(nullptr, &options, &result->model, error, sizeof(error)))
    return badInput(path, ": ", error);
  result->vocabulary = functions.vocabulary(result->model);
  result->context = functions.context(result->model);
  return result;
}

FileModel::~FileModel() {
  if (model)
    functions.close(model);
  if (library)
    dlclose(library);
}

template <typename... Arguments>
Status FileModel::call(int (*function)(QoptRt *, Arguments..., char *, size_t),
                       std::type_identity_t<Arguments>... arguments) {
  char error[1024];
  if (function(model, arguments..., error, sizeof(error)))
    return badInput(error);
  return {};
}

Result<Tensor>
FileModel::windowLogits(std::span<const std::vector<int32_t>> windows) {
  int64_t rows = 0;
  for (const std::vector<int32_t> &window : windows)
    rows += window.size();
  Tensor logits(rows, vocabulary);
  int64_t first = 0;
  char error[1024];
  for (const std::vector<int32_t> &window : windows) {
    if (functions.rewind(model, 0, error, sizeof(error)) ||
        functions.evaluate(model, window.data(), window.size(),
                           logits.mutableMatrix().row(first), error,
                           sizeof(error)))
      return badInput(error);
    first += window.size();
  }
  QOPT_CHECK(call<int64_t>(functions.rewind, 0));
  return logits;
}

Result<std::vector<float>> FileModel::append(std::span<const int32_t> tokens) {
  QOPT_CHECK(call<const int32_t *, int64_t>(functions.prefill, tokens.data(),
                                            tokens.size()));
  const float *logits = functions.logits(model);
  return std::vector<float>(logits, logits + vocabulary);
}
