//===- Report.cpp - what a benchmark of a model says ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Report.h"

#include "qopt/IO/Json.h"

#include <algorithm>
#include <cstdio>
#include <map>

using namespace qopt;

Result<Work> Work::read(const std::string &description) {
  Work work;
  QOPT_ASSIGN(JsonDocument document,
              JsonDocument::parse(description, "description"));
  auto number = [&](std::string_view key, double &target) -> Status {
    if (auto value = document.root().find(key)) {
      QOPT_ASSIGN(target, value->asDouble());
    }
    return {};
  };
  QOPT_CHECK(number("bytes_per_token", work.bytesPerToken));
  QOPT_CHECK(number("operations_per_token", work.operationsPerToken));
  auto steps = document.root().find("steps");
  auto bytes = document.root().find("step_bytes");
  for (size_t i = 0; steps && bytes && i < steps->size(); ++i) {
    QOPT_ASSIGN(std::string_view name, (*steps)[i].asString());
    QOPT_ASSIGN(double each, (*bytes)[i].asDouble());
    work.steps.emplace_back(name);
    work.stepBytes.push_back(each);
  }
  return work;
}

std::vector<KernelTime>
Work::kernelTimes(const std::vector<double> &seconds) const {
  std::map<std::string, KernelTime> byName;
  for (size_t i = 0; i < seconds.size() && i < steps.size(); ++i) {
    if (seconds[i] == 0) // not in the program that ran
      continue;
    KernelTime &each = byName[steps[i]];
    each.name = steps[i];
    each.calls += 1;
    each.seconds += seconds[i];
    each.bytes += stepBytes[i];
  }
  std::vector<KernelTime> result;
  result.reserve(byName.size());
  for (auto &[name, each] : byName)
    result.push_back(std::move(each));
  std::sort(result.begin(), result.end(),
            [](const KernelTime &a, const KernelTime &b) {
              return a.seconds > b.seconds;
            });
  return result;
}

void BenchReport::printText() const {
  std::printf("%s: %.1f MB of weights, %lld threads, compiled in %.2f s, "
              "weights ready in %.2f s, peak memory %.2f GB\n",
              model.c_str(), weightBytes * 1e-6, (long long)threads,
              compileSeconds, loadSeconds, peakMemory * 1e-9);
  std::printf("this machine: read %.1f GB/s, f32 %.0f GFLOP/s, bytes %.0f "
              "Gop/s\n\n",
              bandwidth * 1e-9, peakFlops * 1e-9, peakByteOps * 1e-9);
  std::printf("%-13s %9s %8s %7s %8s %7s %7s  %s\n", "", "tokens/s", "GB/s",
              "of read", "Gop/s", "of f32", "of byte", "samples");
  for (const Speed &speed : speeds) {
    const double bytes = bandwidthOf(speed);
    const double operations = operationsOf(speed);
    std::printf("%-13s %9.1f ", speed.name.c_str(), speed.tokensPerSecond);
    if (speed.name == "decode")
      std::printf("%8.1f %6.0f%% ", bytes * 1e-9, 100 * bytes / bandwidth);
    else
      std::printf("%8s %7s ", "", "");
    std::printf("%8.0f %6.0f%% ", operations * 1e-9,
                100 * operations / peakFlops);
    if (peakByteOps > 0)
      std::printf("%6.0f%%  ", 100 * operations / peakByteOps);
    else
      std::printf("%7s  ", "");
    std::printf("%d of %d%s\n", speed.kept, speed.taken,
                speed.quiet ? "" : ", ALL NOISY: others use this machine");
  }
  for (const Speed &speed : speeds) {
    if (speed.kernels.empty())
      continue;
    double total = 0;
    for (const KernelTime &each : speed.kernels)
      total += each.seconds;
    std::printf("\n%-46s %6s %9s %6s %8s\n",
                (speed.name + ", by kernel").c_str(), "calls", "ms", "share",
                speed.name == "decode" ? "GB/s" : "");
    for (const KernelTime &each : speed.kernels) {
      std::printf("%-46s %6lld %9.3f %5.1f%%", each.name.c_str(),
                  (long long)each.calls, each.seconds * 1e3,
                  100 * each.seconds / total);
      if (each.bytes > 0 && speed.name == "decode")
        std::printf(" %8.1f", each.bytes / each.seconds * 1e-9);
      std::printf("\n");
    }
  }
}

void BenchReport::printJson() const {
  JsonWriter json;
  json.beginObject()
      .member("model", model)
      .member("threads", threads)
      .member("weight_bytes", weightBytes)
      .member("bytes_per_token", work.bytesPerToken)
      .member("operations_per_token", work.operationsPerToken)
      .member("compile_seconds", compileSeconds)
      .member("load_seconds", loadSeconds)
      .member("peak_memory", peakMemory)
      .member("read_bandwidth", bandwidth)
      .member("peak_flops", peakFlops)
      .member("peak_byte_ops", peakByteOps);
  json.key("speeds").beginArray();
  for (const Speed &speed : speeds) {
    json.beginObject()
        .member("name", speed.name)
        .member("tokens_per_second", speed.tokensPerSecond)
        .member("kept", speed.kept)
        .member("taken", speed.taken)
        .member("quiet", speed.quiet);
    json.key("kernels").beginArray();
    for (const KernelTime &each : speed.kernels)
      json.beginObject()
          .member("name", each.name)
          .member("calls", each.calls)
          .member("seconds", each.seconds)
          .member("bytes", each.bytes)
          .endObject();
    json.endArray().endObject();
  }
  json.endArray().endObject();
  std::puts(json.text().c_str());
}
