//===- Publication.h - how far the output of a run is -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Empty files in the directory of a RunState, for runs that are killed between
// the first output file and the removal of the directory.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_WEIGHTS_PUBLICATION_H
#define QOPT_WEIGHTS_PUBLICATION_H

namespace qopt {

/// Output files that are there are, or may be, the run's own.
inline constexpr const char *kPublishing = "publishing";
/// All of them are there.
inline constexpr const char *kPublished = "published";

} // namespace qopt

#endif // QOPT_WEIGHTS_PUBLICATION_H
