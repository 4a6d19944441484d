//===- Parameters.h - scales, zero points and minima of rows ----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// What a lane needs of the records of its tile (MmaLayout): the numbers of rows
// g and g + 8. They stay the words that they are in memory until they are used.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_PARAMETERS_H
#define QOPT_LIB_CODEGEN_NVPTX_PARAMETERS_H

#include "Dequantize.h"

namespace qopt::nvptx {

/// Words of a group; null what the scheme lacks.
struct ParameterWords {
  mlir::Value scales, minima;      // pairs of f16; with levels only `scales`
  mlir::Value zeros;               // bytes 0 and 1
  mlir::Value supers, superMinima; // pairs of f16
  bool upperLevels = false;        // of a word with the levels of two groups
};

class Parameters {
public:
  using Value = mlir::Value;
  /// One number for row g and one for g + 8.
  using OfRows = std::array<Value, 2>;

  Parameters(KernelBuilder &b, const LinearSpec &spec, Dequantizer &decode)
      : b(b), weight(spec.weight), decode(decode) {}

  /// Bytes of the records of 128 columns.
  static int64_t scaleBytes(const LinearSpec &spec);
  static int64_t zeroBytes(const LinearSpec &spec);
  static int64_t superBytes(const LinearSpec &spec);

  enum Component { Scales, Zeros, SuperScales };
  /// From the records of the first 64 of 128 columns to those of the others; 0
  /// if they share them.
  static int64_t halfBytes(const LinearSpec &spec, Component component);
  /// load(component, offset, bytes): 2, 4 or 8 bytes of a component's records,
  /// counted from those of some columns (with levels: from their 8 or 16 bytes
  /// of a row).
  using Load = mlir::function_ref<Value(Component, Value, int64_t)>;
  /// Reads group number `group` of these columns.
  ParameterWords read(int64_t group, Value g, Load load);

  Dequantizer::Offsets offsets(const ParameterWords &words);
  bool haveMinima() const { return weight.hasHalfMinima(); }
  /// S and -M in f32.
  OfRows scales(const ParameterWords &words);
  OfRows negatedMinima(const ParameterWords &words);
  /// S (q - z) - M in the type of x, for four A registers.
  void scale(const ParameterWords &words, std::array<Value, 4> &fragment);

private:
  OfRows halves(Value word); // as f32
  Value levelOf(Value word, int64_t byte);
  /// d times s, or m.
  OfRows timesLevels(const OfRows &d, const ParameterWords &words, bool minima);
  /// s, s', m, m' of one group in a word; otherwise those of two groups.
  bool hasWordOfLevels() const {
    return haveMinima() && !weight.hierarchy.nibbleLevels;
  }
  Value pairOf(Value number);

  KernelBuilder &b;
  const MmaLayout &weight;
  Dequantizer &decode;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_PARAMETERS_H
