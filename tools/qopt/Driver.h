//===- Driver.h - passes over a module, in the manner of mlir-opt -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_DRIVER_H
#define QOPT_TOOLS_DRIVER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace qopt {

/// Every dialect that a module read by the tool may use.
void registerDialects(mlir::DialectRegistry &registry);

/// `qopt FILE.mlir --passes…`: exit code 0 or 1, as mlir-opt.
int runDriver(int argc, char **argv);

} // namespace qopt

#endif // QOPT_TOOLS_DRIVER_H
