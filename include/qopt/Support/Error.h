//===- Error.h - errors as values -------------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Everything below MLIR reports failure by returning a Result<T>. An error
// carries a kind, which decides the exit code of the tool, and one sentence
// that names the file, the place in it and the reason.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_SUPPORT_ERROR_H
#define QOPT_SUPPORT_ERROR_H

#include <sstream>
#include <string>
#include <tl/expected.hpp>

namespace qopt {

enum class ErrorKind {
  Internal,    // a bug in qopt: exit code 1
  Usage,       // a wrong flag or argument: exit code 2
  BadInput,    // a file whose content cannot be accepted: exit code 3
  IO,          // the operating system refused: exit code 4
  Interrupted, // stopped by the user, resumable: exit code 75
};

struct Error {
  ErrorKind kind;
  std::string message;
};

template <typename T> using Result = tl::expected<T, Error>;
using Status = Result<void>;

/// Concatenates anything that can be streamed: `str("row ", i, " of ", n)`.
template <typename... Parts> std::string str(const Parts &...parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

template <typename... Parts>
tl::unexpected<Error> makeError(ErrorKind kind, const Parts &...parts) {
  return tl::unexpected<Error>(Error{kind, str(parts...)});
}
template <typename... Parts>
tl::unexpected<Error> badInput(const Parts &...parts) {
  return makeError(ErrorKind::BadInput, parts...);
}
template <typename... Parts>
tl::unexpected<Error> ioError(const Parts &...parts) {
  return makeError(ErrorKind::IO, parts...);
}
template <typename... Parts>
tl::unexpected<Error> usageError(const Parts &...parts) {
  return makeError(ErrorKind::Usage, parts...);
}
template <typename... Parts>
tl::unexpected<Error> internalError(const Parts &...parts) {
  return makeError(ErrorKind::Internal, parts...);
}

/// The exit code of the tool for an error of this kind.
inline int exitCode(ErrorKind kind) {
  switch (kind) {
  case ErrorKind::Usage:
    return 2;
  case ErrorKind::BadInput:
    return 3;
  case ErrorKind::IO:
    return 4;
  case ErrorKind::Interrupted:
    return 75;
  case ErrorKind::Internal:
    break;
  }
  return 1;
}

} // namespace qopt

#define QOPT_CONCAT_IMPL(a, b) a##b
#define QOPT_CONCAT(a, b) QOPT_CONCAT_IMPL(a, b)

/// `QOPT_ASSIGN(auto header, readHeader(file));` declares `header` or returns
/// the error from the enclosing function.
#define QOPT_ASSIGN(declaration, ...)                                          \
  auto QOPT_CONCAT(qoptResult, __LINE__) = (__VA_ARGS__);                      \
  if (!QOPT_CONCAT(qoptResult, __LINE__))                                      \
    return tl::unexpected<::qopt::Error>(                                      \
        std::move(QOPT_CONCAT(qoptResult, __LINE__).error()));                 \
  declaration = std::move(*QOPT_CONCAT(qoptResult, __LINE__))

/// Returns the error of a Status from the enclosing function, if it has one.
#define QOPT_CHECK(...)                                                        \
  do {                                                                         \
    if (auto qoptStatus = (__VA_ARGS__); !qoptStatus)                          \
      return tl::unexpected<::qopt::Error>(std::move(qoptStatus.error()));     \
  } while (false)

#endif // QOPT_SUPPORT_ERROR_H
