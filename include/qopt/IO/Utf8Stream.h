//===- Utf8Stream.h - printing bytes as they arrive -------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_UTF8STREAM_H
#define QOPT_IO_UTF8STREAM_H

#include <string>
#include <string_view>

namespace qopt {

/// Turns the bytes of generated tokens, which may end inside a character, into
/// well-formed UTF-8 to print. The beginning of a character is held back until
/// it is complete; a byte that cannot belong to one becomes U+FFFD.
class Utf8Stream {
public:
  /// What can be printed now.
  std::string push(std::string_view bytes);
  /// What was held back at the end.
  std::string finish();

private:
  std::string pending;
};

} // namespace qopt

#endif // QOPT_IO_UTF8STREAM_H
