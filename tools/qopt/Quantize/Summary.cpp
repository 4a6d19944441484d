//===- Summary.cpp - what qopt quantize says at the end -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Summary.h"

#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/IO/Json.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

#include <cstdio>

using namespace qopt;

WeightTotal::WeightTotal(mlir::ModuleOp module) {
  for (auto global : module.getOps<mlir::ml_program::GlobalOp>()) {
    auto type = mlir::dyn_cast<mlir::ShapedType>(global.getType());
    if (!type || !type.hasStaticShape())
      continue;
    int64_t size = 0;
    for (const Component &component : weightComponents(type))
      size += component.bytes();
    bytes += size;
    numbers += type.getNumElements();
    if (weightScheme(type)) {
      quantizedBytes += size;
      quantizedNumbers += type.getNumElements();
    }
  }
}

void QuantizeSummary::print(const QuantizeOptions &options) const {
  double bitsPerWeight =
      after.quantizedNumbers == 0
          ? 0
          : 8.0 * after.quantizedBytes / after.quantizedNumbers;
  if (options.json) {
    JsonWriter json;
    json.beginObject()
        .member("output", options.output)
        .member("bytes", after.bytes)
        .member("bytes_before", before.bytes)
        .member("bpw", bitsPerWeight)
        .member("bpw_all", 8.0 * after.bytes / after.numbers)
        .member("seconds", seconds)
        .endObject();
    std::printf("%s\n", json.text().c_str());
    return;
  }
  std::printf("%-12s %s\n", "output", options.output.c_str());
  if (options.format().keepsArchive && after.quantizedNumbers > 0)
    std::printf("%-12s %s\n", "weights", options.archive().c_str());
  std::printf("%-12s %.2f MB -> %.2f MB\n", "size", before.bytes * 1e-6,
              after.bytes * 1e-6);
  std::printf("%-12s %.3f in quantized weights, %.3f overall\n", "bits/weight",
              bitsPerWeight, 8.0 * after.bytes / after.numbers);
  std::printf("%-12s %.1f s\n", "time", seconds);
}
