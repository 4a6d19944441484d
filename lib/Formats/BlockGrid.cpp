//===- BlockGrid.cpp - the formats that have a grid -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Formats/BlockGrid.h"
#include "Blocks.h"

using namespace qopt;

const BlockGrid *qopt::findBlockGrid(GgufType type) {
  switch (type) {
#define QOPT_CASE(set, format)                                                 \
  case GgufType::format:                                                       \
    return &detail::set::grid##format;
    QOPT_GRID_FORMATS(QOPT_CASE, baseline)
#undef QOPT_CASE
  default:
    return nullptr;
  }
}
