//===- QuantizationContext.h - the services that passes use --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Passes do no path handling, thread creation or printing of their own. They
// ask for one QuantizationContext, which a driver or an embedding compiler
// attaches to the MLIRContext before it runs passes. Where none is attached,
// a pass gets one that uses all processors, is silent, and resolves paths
// against the directory of the file the module was parsed from.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_WEIGHTS_QUANTIZATIONCONTEXT_H
#define QOPT_WEIGHTS_QUANTIZATIONCONTEXT_H

#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Support/Progress.h"
#include "qopt/Weights/RunState.h"
#include "qopt/Weights/SourceFiles.h"

#include "mlir/IR/BuiltinOps.h"

#include <limits>

namespace qopt {

class QuantizationContext {
public:
  struct Options {
    /// What relative paths in the module are relative to.
    std::string baseDirectory = ".";
    /// Where weights go that do not stay inline, if the pass does not say.
    std::string archivePath;
    /// 0: one per processor.
    unsigned threads = 0;
    Isa isa = detectIsa();
    /// Bytes of activations between blocks that calibration keeps in memory;
    /// more than that lie in a file of the temporary directory.
    int64_t maxMemory = std::numeric_limits<int64_t>::max();
    /// Must outlive the context; null: silent.
    Progress *progress = nullptr;
  };

  explicit QuantizationContext(Options options);

  const Options &options() const { return settings; }
  SourceFiles &files() { return sourceFiles; }
  ComputeContext compute() { return {pool, settings.isa}; }
  Progress &progress() { return *reporter; }
  /// Where passes keep finished blocks, so that a stopped run can go on; null:
  /// nowhere.
  RunState *runState() { return state.get(); }
  void setRunState(std::unique_ptr<RunState> kept) { state = std::move(kept); }

private:
  Options settings;
  Progress silent;
  Progress *reporter;
  ThreadPool pool;
  SourceFiles sourceFiles;
  std::unique_ptr<RunState> state;
};

/// Attaches services to every context that is made from the registry.
void attachQuantizationContext(mlir::DialectRegistry &registry,
                               std::shared_ptr<QuantizationContext> services);
/// Attaches services to one context. Once, and before passes run.
void attachQuantizationContext(mlir::MLIRContext &context,
                               std::shared_ptr<QuantizationContext> services);

/// The attached services, or new default ones.
std::shared_ptr<QuantizationContext>
getQuantizationContext(mlir::ModuleOp module);

} // namespace qopt

#endif // QOPT_WEIGHTS_QUANTIZATIONCONTEXT_H
