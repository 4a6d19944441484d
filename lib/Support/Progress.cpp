//===- Progress.cpp - progress with an ETA, and interruption --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Support/Progress.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <unistd.h>

using namespace qopt;

namespace {
double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

volatile std::sig_atomic_t interruptCount = 0;

void onInterrupt(int signal) {
  interruptCount = interruptCount + 1;
  if (interruptCount > 1)
    _exit(128 + signal);
}
} // namespace

StderrProgress::StderrProgress(bool quiet)
    : terminal(isatty(STDERR_FILENO)), quiet(quiet) {}

void StderrProgress::begin(std::string_view name, int64_t steps) {
  phase = name;
  total = steps;
  done = 0;
  started = now();
  drawn = 0;
  if (terminal)
    draw();
}

void StderrProgress::advance(int64_t steps) {
  done += steps;
  if (terminal && now() - drawn > 0.1)
    draw();
}

void StderrProgress::draw() {
  if (quiet)
    return;
  drawn = now();
  double elapsed = drawn - started;
  if (done > 0 && elapsed > 1)
    std::fprintf(stderr, "\r\033[K%s %lld/%lld, %.0f s left", phase.c_str(),
                 (long long)done, (long long)total,
                 elapsed / done * (total - done));
  else
    std::fprintf(stderr, "\r\033[K%s %lld/%lld", phase.c_str(), (long long)done,
                 (long long)total);
  std::fflush(stderr);
}

void StderrProgress::end() {
  if (quiet)
    return;
  std::fprintf(stderr, "%s%s: %lld in %.1f s\n", terminal ? "\r\033[K" : "",
               phase.c_str(), (long long)done, now() - started);
}

void StderrProgress::note(std::string_view message) {
  if (!quiet)
    std::fprintf(stderr, "%s%.*s\n", terminal ? "\r\033[K" : "",
                 (int)message.size(), message.data());
}

void qopt::catchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool qopt::interrupted() { return interruptCount > 0; }

bool Progress::stopped() const { return interrupted(); }
