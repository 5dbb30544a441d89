# What `cmake --install` puts where, for the runtime. `--component runtime` installs this alone.
include(CMakePackageConfigHelpers)

set(EDGECC_PYTHON_INSTALL_DIR "lib/python3/dist-packages" CACHE STRING
    "Where the Python package is installed, relative to the prefix")
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/edgecc)

install(TARGETS edgecc_runtime edgecc_runtime_static EXPORT edgeccRuntimeTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime
        NAMELINK_COMPONENT runtime
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
install(FILES include/edgecc/abi.h include/edgecc/runtime.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/edgecc COMPONENT runtime)
install(EXPORT edgeccRuntimeTargets NAMESPACE edgecc:: DESTINATION ${package_dir}
        COMPONENT runtime)

configure_package_config_file(cmake/edgeccConfig.cmake.in edgeccConfig.cmake
                              INSTALL_DESTINATION ${package_dir}
                              PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(edgeccConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/edgeccConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/edgeccConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT runtime)

# The way from the folder of edgecc.pc back to the prefix, so that an installed tree can be moved.
file(RELATIVE_PATH EDGECC_PC_PREFIX
     "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
string(REGEX REPLACE "/$" "" EDGECC_PC_PREFIX "${EDGECC_PC_PREFIX}")
configure_file(cmake/edgecc.pc.in edgecc.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/edgecc.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT runtime)

install(DIRECTORY python/edgecc DESTINATION ${EDGECC_PYTHON_INSTALL_DIR} COMPONENT runtime
        FILES_MATCHING PATTERN "*.py")
