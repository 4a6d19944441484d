//===- About.h - what is known about a model --------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Who made a model, under which licence, from what, and how it is sampled: the
// `general.*` keys of a GGUF file. A module keeps them as a dictionary without
// that prefix:
//
//     llm.about = {base_model.0.name = "Novella", base_model.count = 1 : ui32,
//                  license = "cc0-1.0", tags = ["fiction"],
//                  sampling.temp = 8.0e-01 : f32}
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_ABOUT_H
#define QOPT_IMPORT_ABOUT_H

#include "qopt/IO/GgufMetadata.h"

#include "mlir/IR/BuiltinAttributes.h"

namespace qopt {

inline constexpr llvm::StringLiteral kAbout = "llm.about";

/// Of a checkpoint: from the front of its README.md and from
/// generation_config.json, as llama.cpp's converter takes them. Empty if there
/// is nothing; a card that cannot be read is none.
mlir::DictionaryAttr aboutCheckpoint(mlir::MLIRContext &context,
                                     const std::string &directory);

/// Of a GGUF file: what its keys say that is not about the file itself.
mlir::DictionaryAttr aboutGguf(mlir::MLIRContext &context,
                               const GgufMetadata &metadata);

/// Writes the keys. BadInput for an entry that no GGUF key holds.
Status writeAbout(mlir::DictionaryAttr about, GgufMetadata &metadata);

} // namespace qopt

#endif // QOPT_IMPORT_ABOUT_H
