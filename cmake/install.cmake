# Installs the headers, the CMake package (find_package(immiscible)) and the pkg-config file.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

install(DIRECTORY include/immiscible DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY cuda/immiscible DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} OPTIONAL FILES_MATCHING PATTERN "*.cuh")

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/immiscible)
install(TARGETS immiscible EXPORT immiscible)
install(EXPORT immiscible FILE immiscible-targets.cmake NAMESPACE immiscible:: DESTINATION ${package_dir})
configure_package_config_file(cmake/immiscible-config.cmake.in immiscible-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/immiscible-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/immiscible-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/immiscible-config-version.cmake DESTINATION ${package_dir})
install(FILES cmake/onednn.cmake DESTINATION ${package_dir} RENAME immiscible-onednn.cmake)

configure_file(cmake/immiscible.pc.in immiscible.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/immiscible.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
if(TARGET immiscible_onednn)
  configure_file(cmake/immiscible-onednn.pc.in immiscible-onednn.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/immiscible-onednn.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
endif()
