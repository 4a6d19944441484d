# Third-party packages. docs/Dependencies.md says why each is here.
find_package(Python3 REQUIRED COMPONENTS Interpreter) # lit
find_package(Threads REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(tl-expected REQUIRED)
find_library(QOPT_UTF8PROC utf8proc REQUIRED)

# MLIR's version file accepts only an exact major.minor.
set(MLIR_PACKAGE_VERSION 22.1)
find_package(MLIR ${MLIR_PACKAGE_VERSION} REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

# What an MLIR-using target needs: headers as system headers, LLVM's defines,
# and the two shared libraries (static MLIR components would drag in a second
# copy of MLIR through the packaged targets).
separate_arguments(QOPT_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_library(qopt-mlir INTERFACE)
target_include_directories(qopt-mlir SYSTEM INTERFACE
  "$<BUILD_INTERFACE:${MLIR_INCLUDE_DIRS};${LLVM_INCLUDE_DIRS}>")
target_compile_definitions(qopt-mlir INTERFACE ${QOPT_LLVM_DEFINITIONS})
target_link_libraries(qopt-mlir INTERFACE MLIR LLVM)
