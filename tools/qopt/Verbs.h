//===- Verbs.h - the verbs: qopt import, quantize, eval, … -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_VERBS_H
#define QOPT_TOOLS_VERBS_H

#include "qopt/Support/Error.h"

#include <span>
#include <string_view>

namespace qopt {

/// A product command. `run` gets the arguments after the verb.
struct Verb {
  std::string_view name;
  std::string_view summary;
  Status (*run)(std::span<char *> arguments);
  std::string_view group; // its heading in the list
};

/// All verbs, in the order of `qopt --help`, groups together.
std::span<const Verb> verbs();
/// Prints what `qopt --help` prints: how the tool is called, and the verbs.
void printVerbs();
/// Null if the word is no verb.
const Verb *findVerb(std::string_view name);

/// Whether the first word is no flag, no file and no verb; says so.
bool reportUnknownWord(std::string_view word);

/// Runs a verb, prints its error, and returns the exit code: 0 done, 1 internal
/// error, 2 usage, 3 bad input, 4 I/O, 75 stopped but resumable.
int runVerb(const Verb &verb, int argc, char **argv);

Status runImport(std::span<char *> words);
Status runInspect(std::span<char *> words);
Status runExport(std::span<char *> words);
Status runEval(std::span<char *> words);
Status runCalibrate(std::span<char *> words);
Status runQuantize(std::span<char *> words);
Status runPlan(std::span<char *> words);
Status runVerify(std::span<char *> words);
Status runBench(std::span<char *> words);
Status runCompile(std::span<char *> words);
Status runRun(std::span<char *> words);

} // namespace qopt

#endif // QOPT_TOOLS_VERBS_H
