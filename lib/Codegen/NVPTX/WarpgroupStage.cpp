//===- WarpgroupStage.cpp - what a stage of weights and x holds -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WarpgroupStage.h"

using namespace qopt;
using namespace qopt::nvptx;

WarpgroupStage::WarpgroupStage(const LinearSpec &spec,
                               const WarpgroupShape &shape)
    : tiles(shape.consumersOfK() * shape.tilesOfK),
      columns(MmaLayout::tileColumns * tiles),
      rowsOfTiles(shape.outputs() / MmaLayout::tileRows),
      inputBytes(columns * shape.inputRows * 2),
      codeBytes(rowsOfTiles * tiles * spec.weight.tileBytes()) {
  const MmaLayout &weight = spec.weight;
  bool levels = spec.hierarchy().hasLevels();
  int64_t perRecord = levels ? MmaLayout::chunkColumns : spec.groupLength();
  int64_t ofRow = levels ? weight.chunks() : weight.paddedGroups();
  records[Parameters::Scales] = {perRecord, weight.scaleRecord(), ofRow};
  if (weight.hasZeros())
    records[Parameters::Zeros] = {perRecord, MmaLayout::tileRows, ofRow};
  if (levels)
    records[Parameters::SuperScales] = {
        spec.hierarchy().superSize, weight.superRecord(), weight.superBlocks()};
  recordBytes = 0;
  for (Records &part : records) {
    if (!part.columns)
      continue;
    part.place = recordBytes;
    part.bytes =
        std::max<int64_t>(1, columns / part.columns) * part.recordBytes;
    recordBytes += rowsOfTiles * part.bytes;
  }
}

bool WarpgroupStage::hasWholeGroups() const {
  return llvm::all_of(records, [&](const Records &part) {
    return !part.columns || part.columns % columns == 0 ||
           columns % part.columns == 0;
  });
}

int64_t qopt::nvptx::groupsOfTile(const LinearSpec &spec) {
  return std::max<int64_t>(1, MmaLayout::tileColumns / spec.groupLength());
}

int64_t qopt::nvptx::sumRegisters(const LinearSpec &spec,
                                  const WarpgroupShape &shape) {
  return shape.inputRows / 2 * (shape.tilesOfConsumer() + groupsOfTile(spec));
}

int64_t qopt::nvptx::stepsOfTurn(const LinearSpec &spec,
                                 const WarpgroupShape &shape) {
  // At least two, so that weights change between two sets of registers, unless
  // sums and products leave no room for that.
  bool isTight =
      !shape.scaleWeights && sumRegisters(spec, shape) > fewSumRegisters;
  const int64_t ofStage = shape.tilesOfConsumer() * shape.tilesOfK;
  return isTight ? ofStage : std::max<int64_t>(2, ofStage);
}

int64_t qopt::nvptx::stagesOfTurn(const LinearSpec &spec,
                                  const WarpgroupShape &shape) {
  return stepsOfTurn(spec, shape) / (shape.tilesOfConsumer() * shape.tilesOfK);
}
