//===- KernelTable.h - what is compiled per instruction set -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The inner loops of this layer, compiled once per instruction set from
// Kernels.inc. Everything else is compiled for the baseline and calls them
// through the table of a ComputeContext.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_KERNELTABLE_H
#define QOPT_LIB_NUMERICS_KERNELTABLE_H

#include <stdint.h>

namespace qopt {

enum class Isa : uint8_t;
enum class TileMode : uint8_t { Store, Add, Subtract };

/// Matrix products are made of tiles C[tileRows, tileColumns] = Aᵀ · B of
/// panels that are packed as A [depth, tileRows] and B [depth, tileColumns].
template <typename T> struct GemmKernels {
  int tileRows, tileColumns;
  /// C (mode)= Aᵀ · B on the first `rows` × `columns` elements of the tile.
  void (*tile)(int64_t depth, const T *a, const T *b, T *c, int64_t stride,
               int rows, int columns, TileMode mode);
  /// Packs `count` vectors into target [depth, width], zero-filled from count
  /// to width: target[d][i] = source[i * vectorStride + d * depthStride].
  /// One of the strides is 1.
  void (*pack)(const T *source, int64_t vectorStride, int64_t depthStride,
               int64_t count, int64_t depth, int width, T *target);
};

/// Columns of a panel of weights that GPTQ works through: lane i of each array
/// is row i of f32.tileColumns rows.
struct GptqColumn {
  float *weights;     // [rest, lanes]: this column and those after it
  int64_t rest;       // columns up to the end of the block, this one included
  const float *upper; // [rest]: U of this row, the diagonal first
  const float *scale; // [lanes]
  const float *zero;  // [lanes]
  float maxCode;
  uint8_t *codes; // [lanes], written
  float *error;   // [lanes], written: (w − ŵ) / U_jj
};

/// One way to quantize the columns of a group in a panel of weights (lane i of
/// each array is row i): each to the nearest number of a grid, its error spread
/// over the columns after it as GPTQ does it.
struct GridTrial {
  int64_t columns;      // of the group
  const float *weights; // [columns, lanes]
  const float *upper;   // U of the group: row i starts at upper + i * stride
  int64_t stride;
  const float *scale;          // [lanes]
  const float *minimum;        // [lanes]: numbers are scale · point − minimum
  float firstPoint, lastPoint; // points are the integers between these, or,
  const float *points;         // if this is not null, pointCount numbers that
  int pointCount;              // rise
  float *scratch;              // [3 columns, lanes]
  /// The best trial so far; replaced in the lanes where this one's Σ err² is
  /// smaller, err = (w − ŵ) / U_jj.
  float name;                     // of this trial
  float *bestLoss, *bestName;     // [lanes]
  float *bestPoints, *bestErrors; // [columns, lanes]
};

struct KernelTable {
  GemmKernels<float> f32;
  GemmKernels<double> f64;
  /// y[r] = Σ_d x[d] · w[r * stride + d].
  void (*dotRows)(const float *x, const float *w, int64_t stride, int64_t rows,
                  int64_t depth, float *y);
  /// y = exp(x) to about one unit in the last place; y may be x.
  void (*exponential)(const float *x, float *y, int64_t count);
  /// x = softmax(scale · x), in place; count > 0, scale >= 0.
  void (*softmax)(float *x, int64_t count, float scale);
  /// Quantizes one column and subtracts its error from the others.
  void (*gptqColumn)(const GptqColumn &column);
  void (*gridTrial)(const GridTrial &trial);
  /// Σ importance · (w − ŵ)², ŵ = scale · clamp(round(w / scale), first, last).
  float (*gridLoss)(const float *weights, const float *importance,
                    int64_t count, float scale, float first, float last);
};

extern const KernelTable kernelsBaseline;
#ifdef QOPT_X86_KERNELS
extern const KernelTable kernelsAvx2, kernelsAvx512;
#endif

/// The table of an instruction set that isaSupported() accepts.
const KernelTable &kernelsFor(Isa isa);

} // namespace qopt

#endif // QOPT_LIB_NUMERICS_KERNELTABLE_H
