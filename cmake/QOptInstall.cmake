# `cmake --install` and the Debian packages. Two components:
#   qopt      the tool, the plugin, documentation
#   qopt-dev  static libraries, headers, find_package(qopt)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(QOPT_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/qopt)

# Linked once: what is installed finds MLIR where it was built with it.
set_target_properties(qopt qopt-c qopt-plugin PROPERTIES
  BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH ${LLVM_LIBRARY_DIR})
install(TARGETS qopt RUNTIME COMPONENT qopt)
install(TARGETS qopt-plugin
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/qopt COMPONENT qopt)
install(TARGETS qopt-c
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT qopt NAMELINK_COMPONENT qopt-dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/python/qopt
  DESTINATION lib/python3/dist-packages COMPONENT qopt PATTERN __pycache__ EXCLUDE)
# `qopt compile` links models with it.
install(FILES $<TARGET_FILE:qopt-rt-archive>
  DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT qopt)
install(FILES ${PROJECT_BINARY_DIR}/share/man/man1/qopt.1
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT qopt)
install(FILES ${PROJECT_SOURCE_DIR}/tools/qopt/share/qopt.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME qopt COMPONENT qopt)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT qopt)

# Libraries: qopt::Transforms and so on. Who links one gets its headers and
# everything below it.
get_property(layers GLOBAL PROPERTY QOPT_LAYERS)
foreach(layer IN LISTS layers)
  set_target_properties(QOpt${layer} PROPERTIES EXPORT_NAME ${layer})
  list(APPEND libraries QOpt${layer})
endforeach()
set_target_properties(qopt-mlir PROPERTIES EXPORT_NAME mlir)
# The runtime: qopt::rt, qopt::cuda and what they share.
get_property(runtime DIRECTORY ${PROJECT_SOURCE_DIR}/runtime PROPERTY BUILDSYSTEM_TARGETS)
foreach(target IN LISTS runtime)
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL STATIC_LIBRARY OR target STREQUAL qopt-rt-archive)
    continue()
  endif()
  string(REGEX REPLACE "^qopt-" "" name ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(directories)
    set_target_properties(${target} PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "$<BUILD_INTERFACE:${directories}>")
  endif()
  list(APPEND libraries ${target})
endforeach()
target_include_directories(qopt-mlir INTERFACE
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS qopt-mlir ${libraries} EXPORT qopt
  ARCHIVE COMPONENT qopt-dev
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT qopt NAMESPACE qopt:: FILE qoptTargets.cmake
  DESTINATION ${QOPT_CMAKE_DIR} COMPONENT qopt-dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ ${PROJECT_BINARY_DIR}/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT qopt-dev
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.inc"
  PATTERN CMakeFiles EXCLUDE)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT qopt-dev)
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/qoptConfig.cmake.in ${PROJECT_BINARY_DIR}/qoptConfig.cmake
  INSTALL_DESTINATION ${QOPT_CMAKE_DIR}
  PATH_VARS CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/qoptConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/qoptConfig.cmake
  ${PROJECT_BINARY_DIR}/qoptConfigVersion.cmake
  DESTINATION ${QOPT_CMAKE_DIR} COMPONENT qopt-dev)

# scripts/package
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME qopt)
set(CPACK_PACKAGE_VENDOR "the qopt project")
set(CPACK_PACKAGE_CONTACT "the qopt project <qopt@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "LLM quantization compiler on MLIR")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL qopt qopt-dev)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)
set(CPACK_DEBIAN_QOPT_PACKAGE_NAME qopt)
# dpkg-shlibdeps would find the same, after reading all of libLLVM.so.
set(CPACK_DEBIAN_QOPT_PACKAGE_DEPENDS
  "libc6 (>= 2.34), libstdc++6 (>= 12), libmlir-22 (>= 1:${MLIR_PACKAGE_VERSION}), libllvm22 (>= 1:${MLIR_PACKAGE_VERSION}), libutf8proc2 (>= 2.1)")
set(CPACK_DEBIAN_QOPT-DEV_PACKAGE_NAME qopt-dev)
set(CPACK_DEBIAN_QOPT-DEV_PACKAGE_DEPENDS
  "qopt (= ${PROJECT_VERSION}), libmlir-22-dev, llvm-22-dev, libexpected-dev, libutf8proc-dev")
set(CPACK_DEBIAN_QOPT-DEV_DESCRIPTION
  "LLM quantization compiler on MLIR: libraries and headers")
include(CPack)
