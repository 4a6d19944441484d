//===- Verbs.cpp - the table of verbs ------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Verbs.h"
#include "Arguments.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

using namespace qopt;

static Status runHelp(std::span<char *> words);

/// A verb's function stands in Verbs/<Verb>.cpp and is declared in Verbs.h.
static constexpr Verb table[] = {
    {"import", "a checkpoint to MLIR that refers to its weights", runImport},
    {"inspect", "metadata, tensors and bits per weight of a file", runInspect},
    {"verify", "checks the structure and every number of a file", runVerify},
    {"calibrate", "statistics of a model's linears on a text", runCalibrate},
    {"quantize", "a model in fewer bits: a module or a GGUF file", runQuantize},
    {"plan", "what quantize would write: types, sizes, memory", runPlan},
    {"export", "a model as a GGUF file", runExport},
    {"compile", "a model as a shared object that runs it", runCompile},
    {"run", "continues a prompt", runRun},
    {"eval", "perplexity on a text, divergence from another model", runEval},
    {"help", "this list, or the flags of a verb", runHelp},
};

std::span<const Verb> qopt::verbs() { return table; }

const Verb *qopt::findVerb(std::string_view name) {
  for (const Verb &verb : verbs())
    if (verb.name == name)
      return &verb;
  return nullptr;
}

bool qopt::reportUnknownWord(std::string_view word) {
  std::error_code failed;
  if (word.starts_with("-") || std::filesystem::exists(word, failed))
    return false;
  std::vector<std::string_view> names;
  for (const Verb &verb : verbs())
    names.push_back(verb.name);
  std::string_view nearest = nearestSpelling(word, names);
  std::string advice = nearest.empty()
                           ? "`qopt help` lists the verbs"
                           : "did you mean '" + std::string(nearest) + "'?";
  std::fprintf(stderr, "qopt: error: '%.*s' is neither a file nor a verb; %s\n",
               int(word.size()), word.data(), advice.c_str());
  return true;
}

int qopt::runVerb(const Verb &verb, int argc, char **argv) {
  Status status = verb.run(std::span(argv + 1, argc - 1));
  if (status)
    return 0;
  std::fprintf(stderr, "qopt %.*s: error: %s\n", int(verb.name.size()),
               verb.name.data(), status.error().message.c_str());
  return exitCode(status.error().kind);
}

void qopt::printVerbs() {
  std::puts("usage: qopt VERB ARGUMENTS...           does a job\n"
            "       qopt FILE.mlir --PASS...         runs passes, as mlir-opt "
            "does\n\n"
            "verbs:");
  for (const Verb &verb : verbs())
    std::printf("  %-12.*s %.*s\n", int(verb.name.size()), verb.name.data(),
                int(verb.summary.size()), verb.summary.data());
  std::puts(
      "\n`qopt VERB --help` lists the flags of a verb, `qopt --help-list` "
      "the passes and their\noptions. A file that is called like a verb "
      "needs `./` before its name.");
}

/// `qopt help`, `qopt help VERB`.
static Status runHelp(std::span<char *> words) {
  std::string name;
  Arguments arguments("help", "Lists the verbs, or the flags of one verb.");
  arguments.optionalPositional("VERB", "the verb to explain", name);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  if (name.empty()) {
    printVerbs();
    return {};
  }
  if (const Verb *verb = findVerb(name)) {
    char flag[] = "--help";
    char *flags[] = {flag};
    return verb->run(flags);
  }
  std::vector<std::string_view> names;
  for (const Verb &verb : verbs())
    names.push_back(verb.name);
  std::string_view nearest = nearestSpelling(name, names);
  if (nearest.empty())
    return usageError("there is no verb '", name, "' (see qopt help)");
  return usageError("there is no verb '", name, "', did you mean '", nearest,
                    "'?");
}
