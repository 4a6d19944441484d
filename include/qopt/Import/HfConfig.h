//===- HfConfig.h - config.json of Hugging Face checkpoints -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IMPORT_HFCONFIG_H
#define QOPT_IMPORT_HFCONFIG_H

#include "qopt/IO/Json.h"
#include "qopt/Import/ModelConfig.h"

namespace qopt {

/// Reads config.json and, if there is one, generation_config.json (whose end
/// tokens win, as they do in transformers). Whatever would change what the
/// model computes and is not supported is an error that names it: other
/// architectures, activations, rotary scalings, remote code. Of a multimodal
/// model (`text_config`) the text model is described.
Result<ModelConfig> readHfConfig(const std::string &directory);

/// The same for a parsed config.json.
Result<ModelConfig> parseHfConfig(JsonValue root, const std::string &file);

} // namespace qopt

#endif // QOPT_IMPORT_HFCONFIG_H
