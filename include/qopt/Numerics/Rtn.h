//===- Rtn.h - round to nearest ---------------------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_NUMERICS_RTN_H
#define QOPT_NUMERICS_RTN_H

#include "qopt/Numerics/ComputeContext.h"
#include "qopt/Numerics/Grid.h"

namespace qopt {

/// Quantizes weights [N, K] group by group to the nearest point of the grid.
/// Weights that are not finite, and ranges that an f16 scale cannot hold, are
/// errors that name row and column or group.
Result<GroupedMatrix> rtnQuantize(const ComputeContext &context,
                                  ConstMatrix weights,
                                  const GroupedScheme &scheme,
                                  const GridOptions &options = {});
/// The same with a grid chosen by `finder`.
Result<GroupedMatrix> rtnQuantize(const ComputeContext &context,
                                  ConstMatrix weights,
                                  const GroupedScheme &scheme,
                                  const GridFinder &finder);

} // namespace qopt

#endif // QOPT_NUMERICS_RTN_H
