//===- ObjectFile.cpp - kernels as LLVM IR and machine code ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/ObjectFile.h"
#include "qopt/Codegen/CPU/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

Result<CpuTarget> qopt::cpu::kernelTarget(ModuleOp module) {
  ModuleOp kernels = findKernelModule(module);
  if (!kernels)
    return badInput("the module has no CPU kernels: run lower-to-llvm-cpu");
  for (auto function : kernels.getOps<LLVM::LLVMFuncOp>()) {
    if (function.isExternal())
      continue;
    auto triple = kernels->getAttrOfType<StringAttr>(
        LLVM::LLVMDialect::getTargetTripleAttrName());
    LLVM::TargetFeaturesAttr features = function.getTargetFeaturesAttr();
    return CpuTarget::resolve(function.getTargetCpu().value_or("host"),
                              features ? features.getFeaturesString()
                                       : std::string(),
                              triple ? triple.getValue() : StringRef());
  }
  return badInput("the CPU kernels are not lowered: run lower-cpu-kernels");
}

/// LLVM's default pipeline for -O2.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

Result<std::unique_ptr<llvm::Module>>
qopt::cpu::translateKernels(ModuleOp module, const CpuTarget &target,
                            llvm::LLVMContext &context) {
  ModuleOp kernels = findKernelModule(module);
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(kernels, context, kernelModuleName);
  if (!result)
    return internalError("the CPU kernels cannot be translated to LLVM IR");
  std::unique_ptr<llvm::TargetMachine> machine = target.createTargetMachine();
  result->setDataLayout(machine->createDataLayout());
  result->setTargetTriple(machine->getTargetTriple());
  optimize(*result, *machine);
  return result;
}

Result<std::string> qopt::cpu::emitLlvmIr(ModuleOp module) {
  QOPT_ASSIGN(CpuTarget target, kernelTarget(module));
  llvm::LLVMContext context;
  QOPT_ASSIGN(auto translated, translateKernels(module, target, context));
  std::string text;
  llvm::raw_string_ostream stream(text);
  translated->print(stream, /*AAW=*/nullptr);
  return text;
}

Result<std::string> qopt::cpu::emitObject(ModuleOp module) {
  QOPT_ASSIGN(CpuTarget target, kernelTarget(module));
  llvm::LLVMContext context;
  QOPT_ASSIGN(auto translated, translateKernels(module, target, context));
  std::unique_ptr<llvm::TargetMachine> machine = target.createTargetMachine();
  llvm::SmallString<0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, /*DwoOut=*/nullptr,
                                   llvm::CodeGenFileType::ObjectFile))
    return internalError("LLVM cannot write objects for ", target.triple());
  passes.run(*translated);
  return object.str().str();
}

/// Creates a temporary file, removed with `remover`.
static Result<std::string> temporaryFile(StringRef extension,
                                         llvm::FileRemover &remover) {
  llvm::SmallString<128> path;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("qopt-kernels", extension, path))
    return ioError("cannot create a temporary file: ", error.message());
  remover.setFile(path);
  return path.str().str();
}

static Result<std::string> findLinker() {
  for (const char *name : {"ld.lld-22", "ld.lld"})
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  return ioError("ld.lld is not in the PATH; install lld-22");
}

Result<std::string> qopt::cpu::emitSharedObject(ModuleOp module) {
  QOPT_ASSIGN(std::string object, emitObject(module));
  return linkSharedObject(object, {});
}

Result<std::string>
qopt::cpu::linkSharedObject(const std::string &object,
                            llvm::ArrayRef<std::string> arguments) {
  QOPT_ASSIGN(std::string linker, findLinker());
  llvm::FileRemover removeInput, removeOutput;
  QOPT_ASSIGN(std::string input, temporaryFile("o", removeInput));
  QOPT_ASSIGN(std::string output, temporaryFile("so", removeOutput));
  std::error_code error;
  llvm::raw_fd_ostream stream(input, error);
  stream << object;
  stream.close();
  if (error || stream.has_error()) {
    stream.clear_error();
    return ioError(input, ": cannot write the object");
  }
  std::string reason;
  SmallVector<StringRef> words = {linker, "-shared", "-o", output, input};
  words.append(arguments.begin(), arguments.end());
  if (llvm::sys::ExecuteAndWait(linker, words, std::nullopt, {}, 0, 0, &reason))
    return internalError("ld.lld refused the kernels: ", reason);
  auto linked = llvm::MemoryBuffer::getFile(output);
  if (!linked)
    return ioError(output, ": ", linked.getError().message());
  return (*linked)->getBuffer().str();
}
