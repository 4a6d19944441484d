//===- Verbs.cpp - the table of verbs ------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Verbs.h"

#include <cstdio>

using namespace qopt;

std::span<const Verb> qopt::verbs() { return {}; }

const Verb *qopt::findVerb(std::string_view name) {
  for (const Verb &verb : verbs())
    if (verb.name == name)
      return &verb;
  return nullptr;
}

int qopt::runVerb(const Verb &verb, int argc, char **argv) {
  Status status = verb.run(std::span(argv + 1, argc - 1));
  if (status)
    return 0;
  std::fprintf(stderr, "qopt %.*s: error: %s\n", int(verb.name.size()),
               verb.name.data(), status.error().message.c_str());
  return exitCode(status.error().kind);
}
