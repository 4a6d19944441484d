//===- PassHelp.cpp - what qopt help says about passes -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "PassHelp.h"

#include "qopt/Init/InitAll.h"

#include "mlir/Pass/PassRegistry.h"

#include <algorithm>
#include <cstdio>

using namespace qopt;

/// Pages of docs/reference, which a test compares with the definitions.
static constexpr std::string_view pages[] = {
#include "PassReference.inc"
};

/// Pipelines have no definitions to make pages from.
static constexpr std::string_view pipelines[] = {"lower-to-llvm-cpu",
                                                 "lower-to-nvptx"};

/// The first `_emphasized_` line.
static std::string_view summaryOf(std::string_view text) {
  size_t begin = text.find("\n_");
  size_t end = text.find("_\n", begin + 2);
  if (begin == text.npos || end == text.npos)
    return {};
  return text.substr(begin + 2, end - begin - 2);
}

std::vector<PassHelp> qopt::passHelp() {
  constexpr std::string_view heading = "### `-";
  std::vector<PassHelp> found;
  for (std::string_view page : pages)
    for (size_t at = page.find(heading); at != page.npos;) {
      size_t next = page.find(heading, at + 1);
      std::string_view section = page.substr(at, next - at);
      size_t nameEnd = section.find('`', heading.size());
      size_t textBegin = section.find('\n');
      std::string_view text = section.substr(textBegin);
      found.push_back({section.substr(heading.size(), nameEnd - heading.size()),
                       summaryOf(text), text});
      at = next;
    }
  for (std::string_view name : pipelines)
    if (const mlir::PassPipelineInfo *info =
            mlir::PassPipelineInfo::lookup(name))
      found.push_back({name, info->getPassDescription(), {}});
  return found;
}

void qopt::printPasses() {
  qopt::registerAllPasses();
  for (const PassHelp &pass : passHelp())
    std::printf("  %-22.*s %.*s\n", int(pass.name.size()), pass.name.data(),
                int(pass.summary.size()), pass.summary.data());
}

bool qopt::printPass(std::string_view name) {
  qopt::registerAllPasses();
  for (const PassHelp &pass : passHelp()) {
    if (pass.name != name)
      continue;
    std::printf("--%.*s\n", int(name.size()), name.data());
    std::fwrite(pass.text.data(), 1, pass.text.size(), stdout);
    std::fflush(stdout);
    if (pass.text.empty()) {
      const mlir::PassPipelineInfo &info =
          *mlir::PassPipelineInfo::lookup(name);
      // LLVM pads option names to this width and does not survive longer ones.
      info.printHelpStr(2, std::max<size_t>(24, info.getOptionWidth() + 6));
    }
    return true;
  }
  return false;
}
