# Headers for passes outside the tree, as edgecc::compiler of find_package(edgecc). The functions are
# in the edgecc program, which loads such passes.
set(header_dir ${CMAKE_INSTALL_INCLUDEDIR}/edgecc/compiler)
foreach(room ir passes runtime/numerics)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${room}/ DESTINATION ${header_dir}/${room}
          COMPONENT compiler FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
endforeach()
configure_file(edgeccCompilerTargets.cmake.in edgeccCompilerTargets.cmake @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/edgeccCompilerTargets.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/edgecc COMPONENT compiler)
