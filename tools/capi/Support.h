//===- Support.h - errors and strings across the C API ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_CAPI_SUPPORT_H
#define QOPT_TOOLS_CAPI_SUPPORT_H

#include "qopt-c/Model.h"
#include "qopt/Support/Error.h"

#include <cstring>

namespace qopt::capi {

/// The status of `result`, and its message for the caller of the API.
template <typename T> QoptStatus report(const Result<T> &result, char **error) {
  if (result)
    return QOPT_OK;
  if (error)
    *error = ::strdup(result.error().message.c_str());
  return QoptStatus(exitCode(result.error().kind));
}

inline std::string text(const char *string) { return string ? string : ""; }

} // namespace qopt::capi

#endif // QOPT_TOOLS_CAPI_SUPPORT_H
