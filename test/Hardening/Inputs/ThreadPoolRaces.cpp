//===- ThreadPoolRaces.cpp - what ThreadSanitizer watches ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Support/ThreadPool.h"

#include <cstdio>
#include <thread>
#include <vector>

/// Tasks write neighbouring elements without locks, and the caller reads them:
/// the pool must order both.
static bool sumsUp(qopt::ThreadPool &pool, int64_t count) {
  std::vector<int64_t> squares(count, -1);
  pool.parallelFor(count, [&](int64_t i) {
    squares[i] = i * i;
    // From inside of a task: serial.
    int64_t inner = 0;
    pool.parallelFor(3, [&](int64_t j) { inner += j; });
    squares[i] += inner - 3;
  });
  int64_t sum = 0;
  for (int64_t square : squares)
    sum += square;
  return sum == (count - 1) * count * (2 * count - 1) / 6;
}

int main() {
  bool right = true;
  for (unsigned threads : {1u, 2u, 5u}) {
    qopt::ThreadPool pool(threads);
    for (int64_t count : {0, 1, 2, 7, 500})
      right &= count == 0 || sumsUp(pool, count);
  }
  // One pool used by several callers, and pools that come and go.
  qopt::ThreadPool shared(3);
  std::vector<std::thread> callers;
  std::vector<char> results(4, false);
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&, i] {
      results[i] = sumsUp(shared, 100);
      qopt::ThreadPool own(2);
      results[i] &= sumsUp(own, 50);
    });
  for (std::thread &caller : callers)
    caller.join();
  for (char result : results)
    right &= bool(result);
  std::puts(right ? "ok" : "wrong sums");
  return right ? 0 : 1;
}
