//===- ExportGguf.h - a module as a GGUF file -------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The file that llama.cpp reads: metadata and tokenizer from what the module
// says about its model, tensors from its globals. Weights of a GGUF type keep
// their bytes, grouped ones become blocks as in gguf-pack, floats are encoded
// as what assign-types gave them or else stored as the options say, vectors
// always as F32.
//
// Files of the llama architecture turn neighbouring channels of q and k against
// each other, so the rows of those weights are reordered on the way:
//
//     row 2i + s of a head of the file is row s·headDim/2 + i of the module
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_EXPORT_EXPORTGGUF_H
#define QOPT_EXPORT_EXPORTGGUF_H

#include "qopt/Formats/FormatTable.h"
#include "qopt/IO/ImportanceMatrix.h"
#include "qopt/Transforms/WeightTable.h"
#include "qopt/Weights/QuantizationContext.h"

#include "mlir/IR/BuiltinOps.h"

#include <optional>

namespace qopt {

struct ExportGgufOptions {
  /// Of float matrices; nothing: as the module has them.
  std::optional<GgufType> floatType = GgufType::F16;
  /// Files to write: with more than one, `path` becomes
  /// NAME-00001-of-0000N.gguf and so on, of about equal size.
  int64_t parts = 1;
  bool overwrite = false;
  /// Weights the errors of float weights that are encoded; null for none. Its
  /// name and that of its text go into the file, as llama-quantize does it.
  const ImportanceMatrix *importance = nullptr;
};

/// The tensors that exportGguf would write, in file order.
Result<std::vector<WeightRow>> ggufTable(mlir::ModuleOp module,
                                         const ExportGgufOptions &options = {});

/// Writes the model of a module, as import makes it, to `path`: atomically, a
/// few million weights in memory at a time. Errors name the configuration key,
/// the global or the tokenizer that stands in the way. Stops within a moment
/// when the user asks (ErrorKind::Interrupted), and leaves no file then. Notes
/// how long reading, encoding and writing took, if that is worth it.
Status exportGguf(mlir::ModuleOp module, QuantizationContext &services,
                  const std::string &path,
                  const ExportGgufOptions &options = {});

} // namespace qopt

#endif // QOPT_EXPORT_EXPORTGGUF_H
