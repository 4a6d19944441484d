//===- QOptAttrs.h - schemes, layouts and weight references -*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_QOPTATTRS_H
#define QOPT_DIALECT_QOPT_QOPTATTRS_H

#include "qopt/Formats/Component.h"
#include "qopt/Formats/FormatTable.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Formats/Interleaved.h"
#include "qopt/Formats/MmaLayout.h"

#include "mlir/IR/BuiltinAttributeInterfaces.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OpImplementation.h"

#include "qopt/Dialect/QOpt/QOptAttrInterfaces.h.inc"
#include "qopt/Dialect/QOpt/QOptEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "qopt/Dialect/QOpt/QOptAttrs.h.inc"

#endif // QOPT_DIALECT_QOPT_QOPTATTRS_H
