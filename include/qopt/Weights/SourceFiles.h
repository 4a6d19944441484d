//===- SourceFiles.h - the tensor files that a module refers to ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_WEIGHTS_SOURCEFILES_H
#define QOPT_WEIGHTS_SOURCEFILES_H

#include "qopt/Dialect/QOpt/QOptAttrs.h"
#include "qopt/IO/Gguf.h"
#include "qopt/IO/Safetensors.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <mutex>

namespace qopt {

/// A tensor as it lies in a file; `bytes` lives as long as the SourceFiles.
struct StoredTensor {
  std::vector<int64_t> shape;      // outermost first
  std::optional<DType> dtype;      // of a plain tensor
  const FormatRow *gguf = nullptr; // of a tensor in a GGUF file
  ByteSpan bytes;
};

/// Opens each `#qopt.file` of a module once, and checks that it still has the
/// size and hash that the module remembers. Thread-safe.
class SourceFiles {
public:
  /// Relative paths are resolved against `baseDirectory`.
  explicit SourceFiles(std::string baseDirectory);

  const std::string &baseDirectory() const { return directory; }
  std::string resolve(llvm::StringRef path) const;

  Result<StoredTensor> find(FileAttr file, llvm::StringRef tensor);
  /// Forgets an opened file that has been replaced on disk. Spans handed out
  /// earlier stay valid.
  void forget(llvm::StringRef path);

private:
  struct Opened {
    std::optional<SafetensorsFile> safetensors;
    std::optional<GgufFile> gguf;
  };
  Result<std::shared_ptr<Opened>> open(FileAttr file);
  std::string directory;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Opened>> opened;
  std::vector<std::shared_ptr<Opened>> replaced;
};

/// Rewrites the relative paths of the files that a module refers to, so that
/// they mean the same from directory `to` as they did from `from`.
void rebaseFiles(mlir::ModuleOp module, const std::string &from,
                 const std::string &to);

/// The path that leads from `directory` to `path`; absolute paths stay.
std::string relativePath(const std::string &path, const std::string &directory);

} // namespace qopt

#endif // QOPT_WEIGHTS_SOURCEFILES_H
