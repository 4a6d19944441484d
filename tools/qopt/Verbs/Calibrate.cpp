//===- Calibrate.cpp - qopt calibrate -------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Model.h"
#include "Verbs.h"

#include "qopt/IO/AtomicFile.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"

#include <cstdio>

using namespace qopt;

Status qopt::runCalibrate(std::span<char *> words) {
  std::string source, output;
  bool overwrite = false;
  MachineOptions machine;
  HessianCalibrateOptions options;
  Arguments arguments("calibrate", "Measures the inputs of a model's linears "
                                   "on a text and saves the statistics.");
  arguments.positional(
      "MODEL", "a checkpoint directory, .gguf, .mlir or .mlirbc", source);
  arguments.option("-o,--output", "STATS.safetensors",
                   "the file for qopt quantize --stats", output);
  arguments.option("--imatrix", "OUT.gguf",
                   "the importance matrix of llama.cpp, for --imatrix of qopt "
                   "quantize and llama-quantize; without -o it is cheap",
                   options.imatrix);
  arguments.option("--text", "TEXT",
                   "what to run the model on; default: it writes its own",
                   options.text);
  declareSampleOptions(arguments, options.samples, options.ctx, machine);
  arguments.flag("--head", "also measure the linears outside of the blocks",
                 options.head);
  machine.declare(arguments);
  arguments.flag("--overwrite", "replace the file if it exists", overwrite);
  QOPT_ASSIGN(bool proceed, arguments.parse(words));
  if (!proceed)
    return {};
  if (output.empty() && options.imatrix.empty())
    return usageError("name a file to write with -o or --imatrix");
  for (const std::string &file : {output, options.imatrix})
    if (!file.empty())
      QOPT_CHECK(checkOutput(file, overwrite));

  StderrProgress progress;
  catchInterrupts();
  QOPT_ASSIGN(Model model, openModel(source, machine, progress));
  options.stats = output;
  mlir::PassManager manager(model.context.get());
  manager.addPass(createHessianCalibrate(options));
  QOPT_CHECK(runPasses(model, manager));
  if (!output.empty())
    std::printf("%-12s %s\n", "statistics", output.c_str());
  if (!options.imatrix.empty())
    std::printf("%-12s %s\n", "importance", options.imatrix.c_str());
  return {};
}
