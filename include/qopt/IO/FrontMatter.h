//===- FrontMatter.h - what a model card says in front ----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_FRONTMATTER_H
#define QOPT_IO_FRONTMATTER_H

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace qopt {

/// The keys of the YAML between the `---` lines at the head of a README.md, as
/// the Hugging Face hub defines it: strings (numbers count as such) and lists
/// of strings, `- a` or `[a, b]`. Whatever else YAML can say is left out,
/// without an error: nothing depends on a model card. Values are not empty and
/// are UTF-8.
std::map<std::string, std::vector<std::string>>
readFrontMatter(std::string_view text);

} // namespace qopt

#endif // QOPT_IO_FRONTMATTER_H
