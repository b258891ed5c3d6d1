# What the project's own programs share: build type, warnings, sanitizers, coverage. Consumers never see this file.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)  # tests and examples share what needs the packages
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# Link to this for the warnings that the project keeps free of.
add_library(immiscible_warnings INTERFACE)
target_compile_options(immiscible_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow)

# Link to this to compile a program for this machine's processor: Eigen, unlike the solvers, does not choose at run time.
option(IMMISCIBLE_NATIVE "Compile tools and benchmarks for this machine's processor" ON)
add_library(immiscible_native INTERFACE)
include(CheckCXXCompilerFlag)
check_cxx_compiler_flag(-march=native IMMISCIBLE_HAS_MARCH_NATIVE)
if(IMMISCIBLE_NATIVE AND IMMISCIBLE_HAS_MARCH_NATIVE)
  target_compile_options(immiscible_native INTERFACE -march=native)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)  # its own AVX-512 intrinsics say `__m512 __Y = __Y`
    target_compile_options(immiscible_native INTERFACE -Wno-uninitialized -Wno-maybe-uninitialized)
  endif()
endif()

# All flags that change what the programs are made of go through here, so that they reach every target alike.
option(IMMISCIBLE_SANITIZE "Address and undefined-behaviour sanitizers" OFF)
option(IMMISCIBLE_COVERAGE "Count the lines that the tests reach" OFF)
if(IMMISCIBLE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(IMMISCIBLE_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
