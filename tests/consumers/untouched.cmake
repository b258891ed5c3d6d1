# A project that brings the library in as a subdirectory gets its headers and nothing else (and a target for oneDNN, which it
# may link or not).
get_property(subdirectories DIRECTORY ${library_source} PROPERTY SUBDIRECTORIES)
get_property(targets DIRECTORY ${library_source} PROPERTY BUILDSYSTEM_TARGETS)
get_property(tests DIRECTORY ${library_source} PROPERTY TESTS)
list(REMOVE_ITEM targets immiscible_onednn)
get_target_property(options immiscible INTERFACE_COMPILE_OPTIONS)
get_target_property(definitions immiscible INTERFACE_COMPILE_DEFINITIONS)
if(subdirectories OR tests OR NOT targets STREQUAL "immiscible")
  message(FATAL_ERROR "the library brought more than itself: ${targets} ${subdirectories} ${tests}")
endif()
if(options OR definitions OR CMAKE_BUILD_TYPE OR CMAKE_CXX_FLAGS OR CMAKE_EXPORT_COMPILE_COMMANDS)
  message(FATAL_ERROR "the library set flags: ${options} ${definitions} ${CMAKE_BUILD_TYPE} ${CMAKE_CXX_FLAGS}")
endif()
