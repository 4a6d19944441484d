//===- WarpgroupStage.h - what a stage of weights and x holds ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Places and sizes, in bytes, of what the producer puts into shared memory for
// consumersOfK · tilesOfK tiles of 64 columns, and the consumers take out:
//
//   stage    x [tiles][inputRows][64 columns], 128 bytes a row, the piece p of
//            16 bytes of row r at p ^ (r mod 8) as wgmma expects;
//            codes [4 · tilesOfN rows of tiles][tiles]
//   records  of each component: [4 · tilesOfN rows of tiles][as in memory]
//
// What a row of tiles has of codes or records lies together, here as in memory.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_WARPGROUPSTAGE_H
#define QOPT_LIB_CODEGEN_NVPTX_WARPGROUPSTAGE_H

#include "Parameters.h"
#include "qopt/Codegen/NVPTX/LinearKernels.h"

namespace qopt::nvptx {

struct WarpgroupStage {
  /// The records of a component: scales, zeros or super_scales.
  struct Records {
    int64_t columns = 0;      // that a record is for
    int64_t recordBytes = 0;  // of 16 rows
    int64_t recordsOfRow = 0; // of all columns
    int64_t bytes = 0;        // in a stage, of 16 rows; 0: no such component
    int64_t place = 0;        // of the first ones
  };

  WarpgroupStage(const LinearSpec &spec, const WarpgroupShape &shape);
  /// Whether stages are made of whole groups, or groups of whole stages.
  bool hasWholeGroups() const;

  int64_t tiles; // of 64 columns: 1, 2 or 4
  int64_t columns;
  int64_t rowsOfTiles; // 16 outputs each
  int64_t inputBytes, codeBytes, recordBytes;
  std::array<Records, 3> records; // by Parameters::Component

  /// A multiple of 1024, which the swizzle needs; records lie elsewhere.
  int64_t bytes() const { return inputBytes + codeBytes; }
};

/// Of 64 columns, at least one.
int64_t groupsOfTile(const LinearSpec &spec);
/// Registers of a thread for the sums, and for those of the groups of a tile.
int64_t sumRegisters(const LinearSpec &spec, const WarpgroupShape &shape);
/// So many leave room for anything.
constexpr int64_t fewSumRegisters = 64;
/// Steps of a consumer, 64 outputs by 64 columns each, in a turn of its loop,
/// and the stages that they are.
int64_t stepsOfTurn(const LinearSpec &spec, const WarpgroupShape &shape);
int64_t stagesOfTurn(const LinearSpec &spec, const WarpgroupShape &shape);

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_WARPGROUPSTAGE_H
