/*===- qopt-c/Module.h - dialects and passes for users of mlir-c -*- C -*-===*\
|*                                                                            *|
|* Part of the qopt project, under the Apache License v2.0 with LLVM          *|
|* Exceptions.                                                                *|
|*                                                                            *|
|* Beside mlir-c, whose static libraries (libMLIRCAPIIR.a) the program links  *|
|* together with libqopt-c.so, libMLIR.so and libLLVM.so.                     *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/
#ifndef QOPT_C_MODULE_H
#define QOPT_C_MODULE_H

#include "mlir-c/IR.h"
#include "qopt-c/Model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The dialects qopt and llm, and those upstream that passes need. */
QOPT_EXPORT void qoptRegisterDialects(MlirDialectRegistry registry);

/** Every pass and pipeline of qopt by its name. Once per process. */
QOPT_EXPORT void qoptRegisterPasses(void);

/** Runs a pipeline over a module, for example "rtn-quantize{bits=4 group=64}".
 *  Relative paths in the module start at `directory` (null: the working
 *  directory). Weights from files go to `archive` unless a pass says otherwise.
 *  Files and threads are attached to the context by the first call and serve
 *  all later ones. Diagnostics also go to the handlers of the context. */
QOPT_EXPORT QoptStatus qoptModuleRun(MlirModule module, const char *pipeline,
                                     const char *directory, const char *archive,
                                     char **error);

#ifdef __cplusplus
}
#endif

#endif /* QOPT_C_MODULE_H */
