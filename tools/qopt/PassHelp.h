//===- PassHelp.h - what qopt help says about passes ------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_PASSHELP_H
#define QOPT_TOOLS_PASSHELP_H

#include <string>
#include <string_view>
#include <vector>

namespace qopt {

/// A pass or pipeline of qopt.
struct PassHelp {
  std::string_view name;    // "rtn-quantize"
  std::string_view summary; // one line
  /// Description, example, options and statistics, in Markdown: its section of
  /// docs/reference. Empty for pipelines.
  std::string_view text;
};

/// In the order of the reference, then pipelines.
std::vector<PassHelp> passHelp();

/// Prints name and summary of each.
void printPasses();
/// Prints everything about one of them; false if there is none of that name.
bool printPass(std::string_view name);

} // namespace qopt

#endif // QOPT_TOOLS_PASSHELP_H
