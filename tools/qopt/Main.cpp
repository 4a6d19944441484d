//===- Main.cpp - the qopt command ---------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Driver.h"
#include "Verbs.h"

#include <csignal>
#include <string_view>
#include <unistd.h>

/// Input files are mapped. If somebody shortens one meanwhile, reading what was
/// beyond its new end raises SIGBUS; outputs are not complete then, and thus
/// have no name yet.
static void onBusError(int) {
  static constexpr char message[] =
      "qopt: error: an input file became shorter while it was being read\n";
  [[maybe_unused]] ssize_t written =
      ::write(STDERR_FILENO, message, sizeof(message) - 1);
  ::_exit(qopt::exitCode(qopt::ErrorKind::IO));
}

int main(int argc, char **argv) {
  std::signal(SIGBUS, onBusError);
  if (argc == 2 && (std::string_view(argv[1]) == "--help" ||
                    std::string_view(argv[1]) == "-h")) {
    qopt::printVerbs();
    return 0;
  }
  if (argc > 1)
    if (const qopt::Verb *verb = qopt::findVerb(argv[1]))
      return qopt::runVerb(*verb, argc - 1, argv + 1);
  if (argc > 1 && qopt::reportUnknownWord(argv[1]))
    return 1;
  return qopt::runDriver(argc, argv);
}
