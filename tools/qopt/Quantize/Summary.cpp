//===- Summary.cpp - what qopt quantize says at the end -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Summary.h"
#include "Quantize/Report.h"

#include "qopt/IO/Json.h"

#include <cstdio>

using namespace qopt;

void QuantizeSummary::print(const QuantizeOptions &options) const {
  if (options.json) {
    JsonWriter json;
    json.beginObject()
        .member("output", outputs.front())
        .member("bytes", after.bytes)
        .member("bytes_before", before.bytes)
        .member("bpw", after.quantizedBits())
        .member("bpw_all", after.bits())
        .member("seconds", seconds)
        .member("resumed_blocks", resumedBlocks)
        .endObject();
    std::printf("%s\n", json.text().c_str());
    return;
  }
  std::printf("%-12s %s\n", "output", outputs.front().c_str());
  if (options.format().keepsArchive && after.quantizedNumbers > 0)
    std::printf("%-12s %s\n", "weights", options.archive().c_str());
  if (outputs.size() > 1)
    std::printf("%-12s and %zu more parts\n", "", outputs.size() - 1);
  std::printf("%-12s %.2f MB -> %.2f MB\n", "size", before.bytes * 1e-6,
              after.bytes * 1e-6);
  if (after.quantizedNumbers > 0)
    std::printf("%-12s %.3f in quantized weights, %.3f overall\n",
                "bits/weight", after.quantizedBits(), after.bits());
  else
    std::printf("%-12s %.3f, none is quantized\n", "bits/weight", after.bits());
  if (resumedBlocks > 0)
    std::printf("%-12s %lld blocks were finished before\n", "resumed",
                (long long)resumedBlocks);
  std::printf("%-12s %.1f s\n", "time", seconds);
  for (const std::string &file : reportFiles(options.report))
    std::printf("%-12s %s\n", "report", file.c_str());
}
