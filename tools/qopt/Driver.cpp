//===- Driver.cpp - passes over a module, in the manner of mlir-opt ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Driver.h"
#include "Emit.h"
#include "Nesting.h"

#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/Init/InitAll.h"
#include "qopt/Weights/QuantizationContext.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Regex.h"

#include <filesystem>

using namespace mlir;
using namespace qopt;

void qopt::registerDialects(DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  registerAllExtensions(registry);
  qopt::registerAllDialects(registry);
}

namespace {

/// Flags of the driver beside those of mlir-opt.
struct DriverFlags {
  llvm::cl::opt<std::string> emit{
      "emit",
      llvm::cl::desc(
          "Write mlir (default), mlirbc, ptx, cubin, obj, so or llvm"),
      llvm::cl::init("mlir")};
  llvm::cl::opt<unsigned> threads{
      // `threads` is taken by libLLVM.
      "num-threads", llvm::cl::desc("Threads of quantizing passes; 0: all"),
      llvm::cl::init(0)};
  llvm::cl::opt<std::string> isa{
      "isa", llvm::cl::desc("Instruction set of dense kernels"),
      llvm::cl::init("auto")};
  llvm::cl::opt<bool> quiet{"quiet", llvm::cl::desc("No progress on stderr")};
  llvm::cl::opt<std::string> remarks{
      "remarks", llvm::cl::ValueOptional,
      llvm::cl::desc("Print remarks (default), or only those that match"),
      llvm::cl::value_desc("regex")};
  llvm::cl::opt<bool> noRemarks{"no-remarks",
                                llvm::cl::desc("Print no remarks")};

  /// Of the two flags the last counts.
  bool hidesRemarks() const {
    return noRemarks && noRemarks.getPosition() > remarks.getPosition();
  }
};

/// Keeps from later handlers the remarks that the flags leave out.
void filterRemarks(const DriverFlags &flags, DiagnosticEngine &diagnostics) {
  if (!flags.hidesRemarks() && flags.remarks.empty())
    return;
  diagnostics.registerHandler(
      [hide = flags.hidesRemarks(),
       wanted = llvm::Regex(flags.remarks)](Diagnostic &diagnostic) {
        bool isRemark = diagnostic.getSeverity() == DiagnosticSeverity::Remark;
        return success(isRemark && (hide || !wanted.match(diagnostic.str())));
      });
}

/// The last pass: paths in the module become relative to where it is written,
/// which must not be one of the files that it refers to.
struct RebasePass : PassWrapper<RebasePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RebasePass)
  /// Does nothing: what a reproducer's pipeline names.
  RebasePass() = default;
  RebasePass(QuantizationContext &services, std::string output, std::string to)
      : services(&services), output(std::move(output)), to(std::move(to)) {}

  StringRef getArgument() const override { return "rebase-paths"; }
  StringRef getDescription() const override {
    return "Done by the driver at the end";
  }

  void runOnOperation() override {
    if (!services)
      return;
    std::vector<std::string> files;
    AttrTypeWalker walker;
    walker.addWalk([&](FileAttr file) {
      files.push_back(services->files().resolve(file.getPath()));
    });
    for (NamedAttribute attribute : getOperation()->getAttrs())
      walker.walk(attribute.getValue());
    if (Status status = checkOutputIsNoInput(output, files); !status) {
      emitError(getOperation().getLoc()) << status.error().message;
      return signalPassFailure();
    }
    rebaseFiles(getOperation(), services->options().baseDirectory, to);
  }

  QuantizationContext *services = nullptr;
  std::string output, to;
};

/// "." for standard input and output.
std::string directoryOf(const std::string &file) {
  std::string directory = std::filesystem::path(file).parent_path().string();
  return directory.empty() ? "." : directory;
}

/// What passes of this run use. Weights go beside the output.
Result<std::shared_ptr<QuantizationContext>>
makeServices(const DriverFlags &flags, const std::string &input,
             const std::string &output, Progress &progress) {
  QuantizationContext::Options options;
  options.baseDirectory = directoryOf(input);
  if (output != "-")
    options.archivePath =
        relativePath(std::filesystem::path(output)
                         .replace_extension(".weights.safetensors")
                         .string(),
                     options.baseDirectory);
  options.threads = flags.threads;
  QOPT_ASSIGN(options.isa, parseIsa(flags.isa.getValue()));
  options.progress = &progress;
  return std::make_shared<QuantizationContext>(std::move(options));
}

/// Regular files appear complete or not at all; devices are written to.
Status writeOutput(const std::string &output, const std::string &content) {
  if (output == "-") {
    llvm::outs() << content;
    return {};
  }
  std::error_code failed;
  if (!std::filesystem::exists(output) ||
      std::filesystem::is_regular_file(output))
    return writeTextFile(output, content, /*overwrite=*/true);
  llvm::raw_fd_ostream stream(output, failed);
  stream << content;
  if (failed || stream.has_error())
    return ioError(output, ": cannot be written");
  return {};
}

Status drive(const DriverFlags &flags, const std::string &input,
             const std::string &output, DialectRegistry &registry) {
  const Product *product = nullptr;
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  std::string badRegex;
  if (!flags.remarks.empty() && !llvm::Regex(flags.remarks).isValid(badRegex))
    return usageError("--remarks: ", badRegex);
  if (flags.emit == "mlirbc") {
    config.emitBytecode(true);
  } else if (flags.emit != "mlir") {
    QOPT_ASSIGN(product, findProduct(flags.emit.getValue()));
  }

  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(input, &message);
  if (!buffer)
    return ioError(message);
  QOPT_CHECK(checkNesting(std::string_view(buffer->getBuffer()), input));

  StderrProgress progress(flags.quiet);
  QOPT_ASSIGN(std::shared_ptr<QuantizationContext> services,
              makeServices(flags, input, output, progress));
  attachQuantizationContext(registry, services);

  std::optional<std::string> emitted;
  config.setPassPipelineSetupFn([&, passes = config](PassManager &manager) {
    filterRemarks(flags, manager.getContext()->getDiagEngine());
    if (failed(passes.setupPassPipeline(manager)))
      return failure();
    if (product)
      manager.addPass(createEmitPass(*product, emitted));
    else
      manager.addPass(
          std::make_unique<RebasePass>(*services, output, directoryOf(output)));
    return success();
  });
  std::string module;
  llvm::raw_string_ostream stream(module);
  if (failed(MlirOptMain(stream, std::move(buffer), registry, config)))
    return makeError(ErrorKind::Internal, ""); // diagnostics said why
  return writeOutput(output, product ? emitted.value_or("") : module);
}

} // namespace

int qopt::runDriver(int argc, char **argv) {
  DialectRegistry registry;
  registerDialects(registry);
  mlir::registerAllPasses();
  qopt::registerAllPasses();
  PassRegistration<RebasePass>();
  registerEmitPass();

  llvm::cl::SetVersionPrinter([](raw_ostream &stream) {
    stream << "qopt " QOPT_VERSION ", with LLVM " LLVM_VERSION_STRING "\n";
  });
  DriverFlags flags;
  auto [input, output] = registerAndParseCLIOptions(
      argc, argv, "qopt: LLM quantization compiler\n", registry);
  Status status = drive(flags, input, output, registry);
  if (!status && !status.error().message.empty())
    llvm::errs() << "qopt: error: " << status.error().message << '\n';
  return status ? 0 : 1;
}
