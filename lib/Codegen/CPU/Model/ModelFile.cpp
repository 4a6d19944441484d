//===- ModelFile.cpp - a compiled model with its runtime ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/ModelFile.h"
#include "qopt/Codegen/CPU/ObjectFile.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"
#include <link.h>

using namespace qopt;
using namespace qopt::cpu;

/// The C and C++ libraries of this process. The compiler is no place to look
/// for them: a machine that runs qopt need not have one.
static std::vector<std::string> systemLibraries() {
  std::vector<std::string> result;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *argument) {
        llvm::StringRef path = info->dlpi_name;
        llvm::StringRef name = path.rsplit('/').second;
        for (llvm::StringRef wanted :
             {"libstdc++.so", "libm.so", "libgcc_s.so", "libc.so", "ld-linux"})
          if (name.starts_with(wanted))
            static_cast<std::vector<std::string> *>(argument)->push_back(
                path.str());
        return 0;
      },
      &result);
  return result;
}

Result<std::string>
qopt::cpu::emitModelFile(mlir::ModuleOp code,
                         const std::string &runtimeArchive) {
  if (!llvm::sys::fs::exists(runtimeArchive))
    return ioError(runtimeArchive, ": the runtime of compiled models is not "
                                   "there; is the installation complete?");
  QOPT_ASSIGN(std::string object, emitObject(code));
  llvm::SmallString<128> exports;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("qopt-exports", "map", exports))
    return ioError("cannot create a temporary file: ", error.message());
  llvm::FileRemover remove(exports);
  std::error_code error;
  llvm::raw_fd_ostream stream(exports, error);
  stream << "{ global: qopt_rt_*; local: *; };\n";
  stream.close();
  if (error)
    return ioError(exports.c_str(), ": ", error.message());

  std::vector<std::string> arguments = {runtimeArchive,
                                        "-u",
                                        "qopt_rt_open",
                                        "--gc-sections",
                                        "--eh-frame-hdr",
                                        "-Bsymbolic",
                                        "--version-script",
                                        exports.c_str(),
                                        "-z",
                                        "defs"};
  for (std::string &library : systemLibraries())
    arguments.push_back(std::move(library));
  return linkSharedObject(object, arguments);
}
