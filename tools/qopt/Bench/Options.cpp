//===- Options.cpp - the flags of qopt bench ------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Bench/Options.h"

#include <algorithm>
#include <cstdlib>

using namespace qopt;

/// "256" and "256,512" are understood.
static Result<std::vector<int64_t>>
parsePrompts(const std::vector<std::string> &words) {
  std::vector<int64_t> result;
  for (const std::string &word : words) {
    size_t begin = 0;
    while (begin <= word.size()) {
      const size_t end = std::min(word.find(',', begin), word.size());
      const std::string part = word.substr(begin, end - begin);
      char *rest = nullptr;
      const long long value = std::strtoll(part.c_str(), &rest, 10);
      if (part.empty() || *rest || value < 1 || value > 8192)
        return usageError("--prompt takes numbers from 1 to 8192, not '", part,
                          "'");
      result.push_back(value);
      begin = end + 1;
    }
  }
  return result;
}

Result<bool> BenchOptions::parse(std::span<char *> words) {
  std::vector<std::string> promptWords;
  Arguments arguments(
      "bench", "Measures how fast a compiled model decodes and reads prompts, "
               "beside what memory and processor can do in the same run. "
               "Samples during which others used the machine do not count.");
  arguments.optionalPositional(
      "MODEL", "checkpoint directory, .gguf, .mlir, .mlirbc or compiled .so",
      model);
  arguments.option("--synthetic", "SHAPE",
                   "instead of MODEL: random weights in the shape 42m, 542m "
                   "or 7b",
                   synthetic);
  arguments.option("--type", "T",
                   "of random weights: a GGUF type or a mix; default: q4_k_m",
                   type);
  arguments.option("--save", "OUT.gguf", "keep the random model here", save);
  arguments.option("--prompt", "N[,N]",
                   "tokens of prompts; default: 256,512, or the context",
                   promptWords);
  arguments.option("-n,--count", "N", "tokens of a sample of decoding",
                   generate);
  arguments.option("--samples", "N", "samples to keep", samples);
  arguments.option("--seconds", "S", "time for each measurement, at most",
                   seconds);
  arguments.flag("--exact", "f32 activations and cache of keys and values",
                 exact);
  arguments.flag("--no-repack",
                 "read GGUF blocks where they lie in the file: less memory, "
                 "much slower",
                 noRepack);
  cache.declare(arguments);
  arguments.option("--cpu", "NAME", "compile for this CPU; default: host", cpu);
  arguments.flag("--json", "print one JSON object", json);
  machine.declare(arguments);
  arguments.flag("--overwrite", "replace the file of --save", overwrite);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return false;
  if (model.empty() == synthetic.empty())
    return usageError("give either MODEL or --synthetic (see qopt bench "
                      "--help)");
  if (generate < 1 || generate > 4096 || samples < 1)
    return usageError("-n lies between 1 and 4096, and --samples above 0");
  QOPT_ASSIGN(prompts, parsePrompts(promptWords));
  return true;
}

Status BenchOptions::fitContext(int64_t context) {
  if (prompts.empty())
    for (int64_t usual : {256, 512})
      if (usual <= context)
        prompts.push_back(usual);
  for (int64_t count : prompts)
    if (count > context)
      return usageError("--prompt ", count, " is more than the context, ",
                        context);
  generate = std::min(generate, context - 8);
  return {};
}
