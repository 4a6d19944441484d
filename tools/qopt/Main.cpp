//===- Main.cpp - the qopt command ---------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Driver.h"
#include "Verbs.h"

int main(int argc, char **argv) {
  if (argc > 1)
    if (const qopt::Verb *verb = qopt::findVerb(argv[1]))
      return qopt::runVerb(*verb, argc - 1, argv + 1);
  return qopt::runDriver(argc, argv);
}
