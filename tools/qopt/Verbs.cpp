//===- Verbs.cpp - the table of verbs ------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Verbs.h"
#include "Arguments.h"
#include "PassHelp.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

using namespace qopt;

static Status runHelp(std::span<char *> words);

static constexpr std::string_view kFiles = "models as files",
                                  kQuantizing = "fewer bits",
                                  kRunning = "running", kHelp = "help";

/// A verb's function stands in Verbs/<Verb>.cpp and is declared in Verbs.h.
static constexpr Verb table[] = {
    {"import", "a checkpoint to MLIR that refers to its weights", runImport,
     kFiles},
    {"inspect", "metadata, tensors and bits per weight of a file", runInspect,
     kFiles},
    {"verify", "checks the structure and every number of a file", runVerify,
     kFiles},
    {"calibrate", "statistics of a model's linears on a text", runCalibrate,
     kQuantizing},
    {"quantize", "a model in fewer bits: GGUF, GPTQ, AWQ, or a module",
     runQuantize, kQuantizing},
    {"plan", "what quantize would write: types, sizes, memory", runPlan,
     kQuantizing},
    {"export", "a quantized module as a GGUF file or a checkpoint", runExport,
     kQuantizing},
    {"compile", "a model as a shared object that runs it", runCompile,
     kRunning},
    {"run", "continues a prompt", runRun, kRunning},
    {"eval", "perplexity on a text, divergence from another model", runEval,
     kRunning},
    {"bench", "speed of a compiled model, beside the machine's limits",
     runBench, kRunning},
    {"help", "this list, or what a verb or a pass does", runHelp, kHelp},
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
  // What was printed is a result too, and the disk behind it may be full.
  if (status && (std::fflush(stdout) != 0 || std::ferror(stdout)))
    status = ioError("standard output: cannot write: ", std::strerror(errno));
  if (status)
    return 0;
  std::fprintf(stderr, "qopt %.*s: error: %s\n", int(verb.name.size()),
               verb.name.data(), status.error().message.c_str());
  return exitCode(status.error().kind);
}

void qopt::printVerbs() {
  std::puts("usage: qopt VERB ARGUMENTS...           does a job\n"
            "       qopt FILE.mlir --PASS...         runs passes, as mlir-opt "
            "does");
  std::string_view group;
  for (const Verb &verb : verbs()) {
    if (verb.group != group)
      std::printf("\n%.*s:\n", int(verb.group.size()), verb.group.data());
    group = verb.group;
    std::printf("  %-12.*s %.*s\n", int(verb.name.size()), verb.name.data(),
                int(verb.summary.size()), verb.summary.data());
  }
  std::puts(
      "\n`qopt VERB --help` lists the flags of a verb, `qopt help passes` "
      "the passes, `qopt help PASS`\nexplains one, and `qopt --help-list` "
      "lists every flag of the pass driver. A file that is\ncalled like a "
      "verb needs `./` before its name.");
}

/// `qopt help`, `qopt help VERB`.
static Status runHelp(std::span<char *> words) {
  std::string name;
  Arguments arguments("help", "Lists the verbs, or explains a verb or pass.");
  arguments.optionalPositional(
      "WORD", "a verb or a pass to explain, or 'passes' for a list", name);
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
  if (name == "passes") {
    printPasses();
    return {};
  }
  std::string_view pass = name;
  pass.remove_prefix(std::min(pass.find_first_not_of('-'), pass.size()));
  if (printPass(pass))
    return {};
  std::vector<std::string_view> names;
  for (const Verb &verb : verbs())
    names.push_back(verb.name);
  for (const PassHelp &known : passHelp())
    names.push_back(known.name);
  std::string_view nearest = nearestSpelling(pass, names);
  if (nearest.empty())
    return usageError("there is no verb or pass '", name, "' (see qopt help)");
  return usageError("there is no verb or pass '", name, "', did you mean '",
                    nearest, "'?");
}
