//===- LLMOps.h - model structure around quantized linears -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_LLM_LLMOPS_H
#define QOPT_DIALECT_LLM_LLMOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "qopt/Dialect/QOpt/QOptOps.h"

#include "qopt/Dialect/LLM/LLMDialect.h.inc"
#include "qopt/Dialect/LLM/LLMEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "qopt/Dialect/LLM/LLMAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "qopt/Dialect/LLM/LLMTypes.h.inc"

#define GET_OP_CLASSES
#include "qopt/Dialect/LLM/LLMOps.h.inc"

#endif // QOPT_DIALECT_LLM_LLMOPS_H
