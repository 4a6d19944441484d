# add_qopt_library(<Layer> SOURCES <file>... [SEES <Layer>...] [LINKS <target>...] [MLIR])
#
# Declares the static library QOpt<Layer>. The layering of the project is kept
# by the include path: a target sees include/qopt/<Layer> of its own layer and
# of the layers named in SEES, and nothing else, so a wrong arrow does not
# compile. MLIR adds the MLIR headers, the generated dialect headers and the
# shared precompiled header. The code generators are layers of their own below
# one directory: CodegenCPU is include/qopt/Codegen/CPU.
function(add_qopt_library layer)
  cmake_parse_arguments(ARG "MLIR" "" "SOURCES;SEES;LINKS" ${ARGN})
  add_library(QOpt${layer} STATIC ${ARG_SOURCES})
  set_property(GLOBAL APPEND PROPERTY QOPT_LAYERS ${layer})
  qopt_target_layers(QOpt${layer} ${layer} ${ARG_SEES})
  target_link_libraries(QOpt${layer} PUBLIC ${ARG_LINKS})
  if(ARG_MLIR)
    qopt_target_use_mlir(QOpt${layer})
  endif()
endfunction()

# Gives <target> the headers of exactly the named layers and links them.
function(qopt_target_layers target)
  set(root ${CMAKE_BINARY_DIR}/layers/${target})
  file(MAKE_DIRECTORY ${root}/qopt)
  foreach(layer IN LISTS ARGN)
    string(REGEX REPLACE "^Codegen(.+)$" "Codegen/\\1" path ${layer})
    get_filename_component(parent ${root}/qopt/${path} DIRECTORY)
    file(MAKE_DIRECTORY ${parent})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/include/qopt/${path} ${root}/qopt/${path} SYMBOLIC)
    if(NOT target STREQUAL "QOpt${layer}")
      target_link_libraries(${target} PUBLIC QOpt${layer})
    endif()
  endforeach()
  target_include_directories(${target} PRIVATE ${root})
  target_link_libraries(${target} PUBLIC tl::expected)
endfunction()

# Gives <target> MLIR, the generated dialect headers and the precompiled header.
function(qopt_target_use_mlir target)
  target_link_libraries(${target} PUBLIC qopt-mlir)
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/include)
  add_dependencies(${target} qopt-headers)
  target_precompile_headers(${target} REUSE_FROM qopt-pch)
endfunction()
