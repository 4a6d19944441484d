# Compiler flags shared by every target.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(${QOPT_BASELINE})
endif()
# -ffp-contract=off: results must not depend on where the compiler fuses a
# multiply and an add. Kernels that want FMA ask for it by name.
add_compile_options(-Wall -Wextra -Wno-unused-parameter -ffp-contract=off
                    -fno-semantic-interposition -fvisibility-inlines-hidden)
# A precompiled header may only be cached if it carries no time stamp.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
find_program(QOPT_CCACHE ccache)
if(QOPT_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${QOPT_CCACHE})
endif()
if(NOT DEFINED LLVM_USE_LINKER AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  set(LLVM_USE_LINKER lld)
endif()
add_link_options(-fuse-ld=lld)

# An instrumented build for `scripts/test --full`, in a directory of its own.
# MLIR's libraries are as packaged: not instrumented and without run-time type
# information, hence no vptr check, and built with NDEBUG, which must stay
# because llvm::Statistic is laid out by it (docs/Testing.md says more).
option(QOPT_SANITIZE "Build with ASan and UBSan, and build the fuzzers" OFF)
if(QOPT_SANITIZE)
  set(QOPT_SANITIZERS address,undefined,float-cast-overflow)
  add_compile_options(-O1 -D_GLIBCXX_ASSERTIONS -gline-tables-only -fno-omit-frame-pointer
                      -fsanitize=${QOPT_SANITIZERS},fuzzer-no-link
                      -fno-sanitize=vptr -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${QOPT_SANITIZERS} -fno-sanitize=vptr)
endif()
