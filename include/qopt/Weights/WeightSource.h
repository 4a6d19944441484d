//===- WeightSource.h - the numbers of a weight, wherever they lie -------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_WEIGHTS_WEIGHTSOURCE_H
#define QOPT_WEIGHTS_WEIGHTSOURCE_H

#include "qopt/Dialect/QOpt/QOptTypes.h"
#include "qopt/Numerics/MatrixView.h"
#include "qopt/Numerics/WeightView.h"
#include "qopt/Weights/SourceFiles.h"

namespace mlir::ml_program {
class GlobalOp;
} // namespace mlir::ml_program

namespace qopt {

/// An opened weight: a global whose value is inline (`dense`, `dense_resource`,
/// `#qopt.inline`) or refers to a file (`#qopt.extern`), perhaps through a
/// chain of views. Sizes are checked against the type when it is opened; no
/// number is touched before it is read. A 1-D weight counts as one row.
///
/// A view of a quantized weight that only permutes its rows may be quantized
/// itself: no row changes, so that its components are those of the base with
/// their rows moved.
class WeightSource {
public:
  static Result<WeightSource> open(mlir::ml_program::GlobalOp global,
                                   SourceFiles &files);

  mlir::ShapedType type() const { return weightType; }
  int64_t rows() const { return view.rows(); }
  int64_t columns() const { return view.columns(); }
  /// Whether the numbers stand in the module itself.
  bool isInline() const { return inlined; }
  /// Whether reading means more than decoding components.
  bool isView() const { return viewed; }
  /// Whether the components were made when it was opened, and live as long as
  /// it does.
  bool isCopied() const { return moved; }
  /// Whether a row costs as much to read as its share of the whole.
  bool readsByRow() const { return !view.isTransposed(); }

  /// For weights that lie in files: reads them into memory, and lets go of what
  /// is no longer needed: those of some rows, or all where rows do not lie one
  /// behind the other. Numbers can be read before and after all the same.
  Status load(int64_t first, int64_t count) const;
  void release(int64_t first, int64_t count) const;
  void release() const { release(0, rows()); }

  /// The bytes of each component of the type. Not for views.
  const std::vector<ByteSpan> &components() const { return stored; }
  /// The same with a packed layout undone: the components of the scheme.
  const std::vector<ByteSpan> &schemeComponents() const { return decodable; }

  /// Decodes rows [first, first + target.rows) to f32.
  Status readRows(int64_t first, MutableMatrix target) const;
  /// Decodes all of it, [rows, columns].
  Result<std::vector<float>> readAll() const;

private:
  WeightSource(mlir::ShapedType type, WeightView view)
      : weightType(type), view(std::move(view)) {}
  Status decodeRow(int64_t row, float *target) const;
  void unpackLayout();
  void moveRows();
  std::vector<ByteSpan> storedRows(int64_t first, int64_t count) const;

  mlir::ShapedType weightType; // of what the module sees
  mlir::ShapedType storedType; // of the base of the views
  WeightView view;
  bool inlined = false, viewed = false, moved = false;
  std::vector<ByteSpan> inFile; // if not inlined
  std::vector<ByteSpan> stored, decodable;
  /// Bytes that lie nowhere else: splats written out, layouts undone.
  std::shared_ptr<std::vector<std::vector<uint8_t>>> owned;
};

/// The scheme of a grouped weight and its unpacked codes, scales and zeros.
Result<GroupedMatrix> readGrouped(const WeightSource &source);

} // namespace qopt

#endif // QOPT_WEIGHTS_WEIGHTSOURCE_H
