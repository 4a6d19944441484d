//===- GgufKeys.h - checked keys of a GGUF file -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_IMPORT_GGUFKEYS_H
#define QOPT_LIB_IMPORT_GGUFKEYS_H

#include "qopt/IO/Bytes.h"
#include "qopt/IO/Gguf.h"
#include "qopt/Import/ModelConfig.h"

namespace qopt::detail {

/// The keys of one architecture, `llama.block_count` by the name
/// `block_count`. Every error names the file and the whole key.
class GgufKeys {
public:
  GgufKeys(const GgufFile &file, std::string_view architecture)
      : file(file), prefix(str(architecture, ".")) {}

  const std::string &path() const { return file.file().path(); }
  const GgufMetadata &metadata() const { return file.metadata(); }
  std::string full(std::string_view key) const { return str(prefix, key); }
  bool has(std::string_view key) const {
    return metadata().contains(full(key));
  }

  Result<int64_t> count(std::string_view key, CountRange range) const;
  Result<int64_t> count(std::string_view key, CountRange range,
                        int64_t fallback) const {
    return has(key) ? count(key, range) : Result<int64_t>(fallback);
  }
  /// A number in (0, most].
  Result<double> positive(std::string_view key, double most) const;
  Result<double> positive(std::string_view key, double most,
                          double fallback) const {
    return has(key) ? positive(key, most) : Result<double>(fallback);
  }

  /// What is the matter with a key.
  template <typename... Parts>
  tl::unexpected<Error> error(std::string_view key,
                              const Parts &...parts) const {
    return badInput(path(), ": key ", quote(full(key)), ": ", parts...);
  }

private:
  const GgufFile &file;
  std::string prefix;
};

/// Reads the rotary embedding: base, scaling and `rope_freqs.weight`. The
/// dimensions of the heads are in `config`.
Status readGgufRope(const GgufFile &file, const GgufKeys &keys,
                    ModelConfig &config);

} // namespace qopt::detail

#endif // QOPT_LIB_IMPORT_GGUFKEYS_H
