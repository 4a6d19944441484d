//===- EmitCubin.cpp - PTX through the assembler of the CUDA toolkit -----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/NVPTX/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace qopt;

static std::string chipOf(ModuleOp module) {
  for (auto binary : module.getOps<gpu::BinaryOp>())
    for (Attribute object : binary.getObjects())
      if (auto target = dyn_cast<NVVM::NVVMTargetAttr>(
              cast<gpu::ObjectAttr>(object).getTarget()))
        return target.getChip().str();
  return "sm_80";
}

Result<std::string> nvptx::emitCubin(ModuleOp module) {
  QOPT_ASSIGN(std::string ptx, emitPtx(module));
  llvm::ErrorOr<std::string> ptxas = llvm::sys::findProgramByName("ptxas");
  if (!ptxas)
    ptxas = llvm::sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"});
  if (!ptxas)
    return usageError("a cubin needs ptxas of the CUDA toolkit, which is "
                      "neither in PATH nor in /usr/local/cuda/bin");

  SmallString<128> source, target, log;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("qopt", "ptx", source))
    return ioError("cannot create a temporary file: ", error.message());
  llvm::FileRemover removeSource(source);
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("qopt", "cubin", target))
    return ioError("cannot create a temporary file: ", error.message());
  llvm::FileRemover removeTarget(target);
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("qopt", "log", log))
    return ioError("cannot create a temporary file: ", error.message());
  llvm::FileRemover removeLog(log);
  if (llvm::Error error = llvm::writeToOutput(source, [&](raw_ostream &stream) {
        stream << ptx;
        return llvm::Error::success();
      }))
    return ioError("cannot write ", source.str().str(), ": ",
                   llvm::toString(std::move(error)));

  std::string architecture = "-arch=" + chipOf(module);
  std::optional<StringRef> redirects[] = {std::nullopt, log.str(), log.str()};
  std::string message;
  int code = llvm::sys::ExecuteAndWait(
      *ptxas, {*ptxas, architecture, source, "-o", target}, std::nullopt,
      redirects, /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (code != 0) {
    auto text = llvm::MemoryBuffer::getFile(log);
    return internalError("ptxas failed: ", message,
                         text ? (*text)->getBuffer().str() : std::string());
  }
  auto cubin = llvm::MemoryBuffer::getFile(target, /*IsText=*/false,
                                           /*RequiresNullTerminator=*/false);
  if (!cubin)
    return ioError("cannot read ", target.str().str(), ": ",
                   cubin.getError().message());
  return (*cubin)->getBuffer().str();
}
