# A project that brings the library in as a subdirectory gets its headers and nothing else (and an imported target for oneDNN,
# which it may link or not). `flags_before`: the project's own, from before.
get_property(subdirectories DIRECTORY ${library_source} PROPERTY SUBDIRECTORIES)
get_property(targets DIRECTORY ${library_source} PROPERTY BUILDSYSTEM_TARGETS)
get_property(tests DIRECTORY ${library_source} PROPERTY TESTS)
get_target_property(options immiscible INTERFACE_COMPILE_OPTIONS)
get_target_property(definitions immiscible INTERFACE_COMPILE_DEFINITIONS)
if(subdirectories OR tests OR NOT targets STREQUAL "immiscible")
  message(FATAL_ERROR "the library brought more than itself: ${targets} ${subdirectories} ${tests}")
endif()
set(flags "${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS} ${CMAKE_EXPORT_COMPILE_COMMANDS}")
if(options OR definitions OR NOT flags STREQUAL flags_before)
  message(FATAL_ERROR "the library set flags: ${options} ${definitions} ${flags}, not ${flags_before}")
endif()
