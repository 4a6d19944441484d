//===- Plugin.cpp - qopt inside of a stock mlir-opt ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   mlir-opt --load-dialect-plugin=qopt-plugin.so
//            --load-pass-plugin=qopt-plugin.so model.mlir
//            --pass-pipeline='builtin.module(rtn-quantize{bits=4 group=64})'
//
//===----------------------------------------------------------------------===//
#include "qopt/Init/InitAll.h"

#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "qopt", QOPT_VERSION,
          [](mlir::DialectRegistry *registry) {
            qopt::registerAllDialects(*registry);
          }};
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "qopt", QOPT_VERSION,
          qopt::registerAllPasses};
}
