//===- ObjectCache.cpp - machine code that was made before ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/ObjectCache.h"

#include "qopt/IO/AtomicFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

#include <unistd.h>

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;
namespace fs = llvm::sys::fs;

static constexpr size_t hashBytes = 32;

static std::string hashOf(llvm::StringRef bytes) {
  const std::array<uint8_t, hashBytes> hash =
      llvm::SHA256::hash(llvm::arrayRefFromStringRef(bytes));
  return std::string(hash.begin(), hash.end());
}

std::string ObjectCache::keyOf(ModuleOp kernels) {
  std::string text = "qopt object 1, LLVM " LLVM_VERSION_STRING "\n";
  llvm::raw_string_ostream stream(text);
  // Locations, which are not printed, do not change the code.
  kernels->print(stream, OpPrintingFlags().assumeVerified());
  return llvm::toHex(hashOf(text), /*LowerCase=*/true);
}

/// llvm::pruneCache() only removes files with this prefix.
std::string ObjectCache::pathOf(const std::string &key) const {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, "llvmcache-" + key);
  return path.str().str();
}

static bool isPrivate(const std::string &directory) {
  fs::file_status status;
  return !fs::status(directory, status) && fs::is_directory(status) &&
         status.getUser() == ::geteuid() &&
         !(status.permissions() & (fs::group_write | fs::others_write));
}

std::optional<std::string> ObjectCache::find(const std::string &key) const {
  if (!isPrivate(directory))
    return std::nullopt;
  auto file = llvm::MemoryBuffer::getFile(pathOf(key), /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file || (*file)->getBufferSize() < hashBytes)
    return std::nullopt;
  llvm::StringRef object = (*file)->getBuffer().drop_back(hashBytes);
  if (hashOf(object) != (*file)->getBuffer().take_back(hashBytes))
    return std::nullopt;
  return object.str();
}

Status ObjectCache::keep(const std::string &key,
                         std::string_view object) const {
  if (std::error_code error = fs::create_directories(
          directory, /*IgnoreExisting=*/true, fs::perms::owner_all))
    return ioError(directory, ": ", error.message());
  if (!isPrivate(directory))
    return ioError(directory, ": others may write to it");
  QOPT_CHECK(writeTextFile(pathOf(key), std::string(object) + hashOf(object),
                           /*overwrite=*/true));
  llvm::CachePruningPolicy policy;
  policy.Expiration = std::chrono::seconds(0); // none
  policy.MaxSizePercentageOfAvailableSpace = 10;
  policy.MaxSizeBytes = 256 << 20;
  llvm::pruneCache(directory, policy);
  return {};
}
