//===- LLMDialect.cpp - model structure around quantized linears ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Dialect/LLM/LLMOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::llm;

#include "qopt/Dialect/LLM/LLMDialect.cpp.inc"
#include "qopt/Dialect/LLM/LLMEnums.cpp.inc"

/// A double without its type.
static ParseResult parseF64(AsmParser &parser, FloatAttr &attribute) {
  double value;
  if (parser.parseFloat(value))
    return failure();
  attribute = parser.getBuilder().getF64FloatAttr(value);
  return success();
}

static void printF64(AsmPrinter &printer, FloatAttr attribute) {
  printer.printFloat(attribute.getValue());
}

/// `[1.0, 2.0]`
static ParseResult parseF64s(AsmParser &parser, DenseF64ArrayAttr &attribute) {
  attribute =
      dyn_cast_or_null<DenseF64ArrayAttr>(DenseF64ArrayAttr::parse(parser, {}));
  return success(attribute != nullptr);
}

static void printF64s(AsmPrinter &printer, DenseF64ArrayAttr attribute) {
  attribute.print(printer);
}

#define GET_ATTRDEF_CLASSES
#include "qopt/Dialect/LLM/LLMAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "qopt/Dialect/LLM/LLMTypes.cpp.inc"

void LLMDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "qopt/Dialect/LLM/LLMAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "qopt/Dialect/LLM/LLMTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "qopt/Dialect/LLM/LLMOps.cpp.inc"
      >();
}

LogicalResult
LinearRopeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       FloatAttr factor) {
  if (!(factor.getValueAsDouble() > 0))
    return emitError() << "factor must be positive";
  return success();
}

LogicalResult
Llama3RopeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       FloatAttr factor, FloatAttr lowFreq, FloatAttr highFreq,
                       int64_t originalContext) {
  if (!(factor.getValueAsDouble() > 0))
    return emitError() << "factor must be positive";
  if (!(lowFreq.getValueAsDouble() > 0 &&
        lowFreq.getValueAsDouble() < highFreq.getValueAsDouble()))
    return emitError() << "low_freq must be positive and less than high_freq";
  if (originalContext < 1)
    return emitError() << "original_context must be at least 1";
  return success();
}

LogicalResult
YarnRopeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                     FloatAttr factor, FloatAttr betaFast, FloatAttr betaSlow,
                     int64_t originalContext, FloatAttr magnitude) {
  if (!(factor.getValueAsDouble() > 0))
    return emitError() << "factor must be positive";
  if (!(betaSlow.getValueAsDouble() > 0 &&
        betaSlow.getValueAsDouble() < betaFast.getValueAsDouble()))
    return emitError() << "beta_slow must be positive and less than beta_fast";
  if (originalContext < 1)
    return emitError() << "original_context must be at least 1";
  if (!(magnitude.getValueAsDouble() > 0))
    return emitError() << "magnitude must be positive";
  return success();
}

LogicalResult
LongRopeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                     DenseF64ArrayAttr shortFactors,
                     DenseF64ArrayAttr longFactors, int64_t originalContext,
                     FloatAttr magnitude) {
  if (shortFactors.size() != longFactors.size())
    return emitError() << "there are " << shortFactors.size()
                       << " short factors, but " << longFactors.size()
                       << " long ones";
  for (DenseF64ArrayAttr factors : {shortFactors, longFactors})
    for (double factor : factors.asArrayRef())
      if (!(factor > 0))
        return emitError() << "factors must be positive";
  if (originalContext < 1)
    return emitError() << "original_context must be at least 1";
  if (!(magnitude.getValueAsDouble() > 0))
    return emitError() << "magnitude must be positive";
  return success();
}
