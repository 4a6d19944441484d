//===- FinishedWeights.h - quantized weights in the state of a run -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_FINISHEDWEIGHTS_H
#define QOPT_LIB_TRANSFORMS_FINISHEDWEIGHTS_H

#include "qopt/Interp/Tensor.h"
#include "qopt/Weights/RunState.h"
#include "qopt/Weights/WeightSink.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

namespace qopt {

/// The numbers [rows, columns] that the components of a scheme stand for.
Tensor numbersOf(SchemeAttrInterface scheme, int64_t rows, int64_t columns,
                 const WeightBytes &bytes);

/// Adds a quantized weight to the results of a step.
void keepWeight(RunStep &step, mlir::ml_program::GlobalOp global,
                SchemeAttrInterface scheme, const WeightBytes &bytes);
/// Takes it from them. Bad input if it is not there or has another size.
Result<WeightBytes> keptWeight(const RunStep &step,
                               mlir::ml_program::GlobalOp global,
                               SchemeAttrInterface scheme);

} // namespace qopt

#endif // QOPT_LIB_TRANSFORMS_FINISHEDWEIGHTS_H
