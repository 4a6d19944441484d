//===- Main.cpp - the qopt command ---------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Driver.h"
#include "Verbs.h"

#include <string_view>

int main(int argc, char **argv) {
  if (argc == 2 && (std::string_view(argv[1]) == "--help" ||
                    std::string_view(argv[1]) == "-h")) {
    qopt::printVerbs();
    return 0;
  }
  if (argc > 1)
    if (const qopt::Verb *verb = qopt::findVerb(argv[1]))
      return qopt::runVerb(*verb, argc - 1, argv + 1);
  if (argc > 1 && qopt::reportMisspelledVerb(argv[1]))
    return 2;
  return qopt::runDriver(argc, argv);
}
