//===- ImportanceMatrix.h - llama.cpp's imatrix -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// For each weight that was measured, how large its inputs are: Σ x² of every
// column over the tokens of a text. Two forms of file:
//
//     GGUF   general.type "imatrix", imatrix.datasets, imatrix.chunk_count,
//            imatrix.chunk_size; per weight F32 tensors `<name>.in_sum2`
//            [columns, matrices] = Σ x² and `<name>.counts` [1, matrices] =
//            tokens
//     .dat   i32 entries | entry* | i32 chunks | i32 bytes | dataset
//     entry: i32 bytes | name | i32 calls | i32 values | f32 value*
//            value = calls · mean x², the matrices one after another
//
// Names are those of tensors of a GGUF model. A stack of experts is one tensor
// with a matrix, and a count, per expert.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_IMPORTANCEMATRIX_H
#define QOPT_IO_IMPORTANCEMATRIX_H

#include "qopt/IO/Bytes.h"

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace qopt {

/// What was measured of one tensor.
struct ImportanceEntry {
  std::string tensor;
  std::vector<float> sumSquares; // [matrices, columns]: Σ x²
  std::vector<float> counts;     // [matrices]: tokens seen
};

class ImportanceMatrix {
public:
  std::vector<std::string> datasets; // the texts
  uint32_t chunks = 0;               // samples
  uint32_t chunkSize = 0;            // tokens of a sample; 0: not known

  /// Reads either form. BadInput names the tensor: numbers that are negative or
  /// not finite, shapes that do not fit each other, duplicates.
  static Result<ImportanceMatrix> open(const std::string &path);

  /// Where it was read from.
  const std::string &path() const { return file; }
  const std::vector<ImportanceEntry> &entries() const { return all; }
  const ImportanceEntry *find(std::string_view tensor) const;

  /// Takes the place of an entry of the same tensor.
  void set(ImportanceEntry entry);
  /// Puts one matrix of a stack of `matrices` into the entry of a tensor; the
  /// others count 0 tokens until they are set.
  void setMatrix(const std::string &tensor, int64_t matrix, int64_t matrices,
                 std::span<const double> sumSquares, int64_t count);

  /// The weights of a scale search, mean x²: [matrices, columns], or [columns]
  /// if all matrices share one; empty if the tensor was not measured. A matrix
  /// that saw no token gets ones. BadInput if the entry does not fit.
  Result<std::vector<float>> weightsOf(std::string_view tensor, int64_t columns,
                                       int64_t matrices = 1) const;

  /// Writes the GGUF form, tensors by name.
  Status write(const std::string &path, bool overwrite) const;

private:
  std::string file = "importance matrix";
  std::vector<ImportanceEntry> all;
  std::unordered_map<std::string, size_t> byName;
  friend Result<ImportanceMatrix> parseImportance(ByteSpan bytes,
                                                  const std::string &file);
};

/// Parses and checks `bytes`, a whole file of either form.
Result<ImportanceMatrix> parseImportance(ByteSpan bytes,
                                         const std::string &file);

} // namespace qopt

#endif // QOPT_IO_IMPORTANCEMATRIX_H
