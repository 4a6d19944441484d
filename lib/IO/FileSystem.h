//===- FileSystem.h - what writers of files share ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_IO_FILESYSTEM_H
#define QOPT_LIB_IO_FILESYSTEM_H

#include "qopt/Support/Error.h"

#include <string>
#include <string_view>

namespace qopt::detail {

/// `errno` as an IO error: "PATH: cannot ACTION: …".
tl::unexpected<Error> systemError(const std::string &path,
                                  std::string_view action);

/// A usage error: what is to be written is there already.
tl::unexpected<Error> existsError(const std::string &path);

/// Waits until the names in a directory are on disk.
Status flushDirectory(const std::string &directory);

/// The directory that a path names something in.
std::string directoryOf(const std::string &path);

} // namespace qopt::detail

#endif // QOPT_LIB_IO_FILESYSTEM_H
