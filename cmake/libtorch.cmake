# Makes the target `immiscible_libtorch` (headers, libtorch_cpu, libc10, C++20), or says why there is none.
#
# Taken, in this order:
#   1. the LibTorch 2.x that the user names: Torch_DIR, or a folder of CMAKE_PREFIX_PATH that is a LibTorch, has one
#      beneath it, or is what Python's torch.utils.cmake_prefix_path prints;
#   2. the folder IMMISCIBLE_LIBTORCH_DIR, filled from the PyPI wheel where it is empty (IMMISCIBLE_FETCH_LIBTORCH=OFF: never).
# LibTorch's own package file is not used: it asks for the whole CUDA toolkit although a program for the CPU needs none of it.
include_guard(GLOBAL)
include("${CMAKE_CURRENT_LIST_DIR}/fetch_libtorch.cmake")

option(IMMISCIBLE_REQUIRE_LIBTORCH "Stop where there is no LibTorch, instead of leaving out what needs it" OFF)
option(IMMISCIBLE_FETCH_LIBTORCH "Take LibTorch from the PyPI wheel (550 MB, once) when none is named" ON)
if(DEFINED ENV{IMMISCIBLE_LIBTORCH_DIR})
  set(default_folder "$ENV{IMMISCIBLE_LIBTORCH_DIR}")
else()
  set(default_folder "${CMAKE_BINARY_DIR}/libtorch")
endif()
set(IMMISCIBLE_LIBTORCH_DIR "${default_folder}" CACHE PATH "Where LibTorch from the PyPI wheel is kept between builds")

# Looks for LibTorch 2.x in the given folders; sets root (the folder with include/ and lib/), or nothing.
function(immiscible_find_libtorch root)
  foreach(folder IN LISTS ARGN)
    foreach(below "" "/torch" "/.." "/../.." "/../../..")  # the last three: share, share/cmake, share/cmake/Torch
      get_filename_component(candidate "${folder}${below}" ABSOLUTE)
      set(headers "${candidate}/include/torch")
      set(version_files "${headers}/headeronly/version.h" "${headers}/csrc/api/include/torch/version.h")  # new, old
      set(numbers "")
      foreach(version_file IN LISTS version_files)
        if(EXISTS "${version_file}" AND NOT numbers)
          file(STRINGS "${version_file}" numbers REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
        endif()
      endforeach()
      if(NOT numbers)
        continue()
      endif()
      string(REGEX MATCHALL "[0-9]+" numbers "${numbers}")
      list(JOIN numbers "." version)
      if(version VERSION_LESS 2)
        message(STATUS "LibTorch: ${candidate} holds version ${version}, at least 2.0 is needed: passed over")
        continue()
      endif()
      set(${root} "${candidate}" PARENT_SCOPE)
      set(${root}_version "${version}" PARENT_SCOPE)
      return()
    endforeach()
  endforeach()
endfunction()

set(libtorch "")
string(REPLACE ":" ";" prefixes_of_environment "$ENV{CMAKE_PREFIX_PATH}")
immiscible_find_libtorch(libtorch ${Torch_DIR} $ENV{Torch_DIR} ${CMAKE_PREFIX_PATH} ${prefixes_of_environment})
if(NOT libtorch)
  get_filename_component(fetched_folder "${IMMISCIBLE_LIBTORCH_DIR}" ABSOLUTE BASE_DIR "${CMAKE_BINARY_DIR}")
  immiscible_find_libtorch(libtorch "${fetched_folder}")
  if(NOT libtorch AND IMMISCIBLE_FETCH_LIBTORCH)
    immiscible_fetch_libtorch("${fetched_folder}" fetched)
    if(fetched)
      immiscible_find_libtorch(libtorch "${fetched_folder}")
    endif()
  endif()
endif()

if(libtorch)
  find_library(libtorch_cpu_library torch_cpu HINTS "${libtorch}/lib" PATH_SUFFIXES "${CMAKE_LIBRARY_ARCHITECTURE}"
    NO_DEFAULT_PATH NO_CACHE)
  find_library(libtorch_c10_library c10 HINTS "${libtorch}/lib" PATH_SUFFIXES "${CMAKE_LIBRARY_ARCHITECTURE}"
    NO_DEFAULT_PATH NO_CACHE)
endif()
if(libtorch AND libtorch_cpu_library AND libtorch_c10_library)
  message(STATUS "LibTorch: ${libtorch_version} in ${libtorch}")
  add_library(immiscible_libtorch INTERFACE IMPORTED GLOBAL)
  target_include_directories(immiscible_libtorch SYSTEM INTERFACE
    "${libtorch}/include" "${libtorch}/include/torch/csrc/api/include")
  target_link_libraries(immiscible_libtorch INTERFACE "${libtorch_cpu_library}" "${libtorch_c10_library}")
  target_compile_features(immiscible_libtorch INTERFACE cxx_std_20)
  set(package_file "${libtorch}/share/cmake/Torch/TorchConfig.cmake")
  if(EXISTS "${package_file}")  # some versions 2.0 - 2.6 were built with the strings and lists of before C++11
    file(STRINGS "${package_file}" old_abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
    if(old_abi)
      target_compile_definitions(immiscible_libtorch INTERFACE _GLIBCXX_USE_CXX11_ABI=0)
    endif()
  endif()
elseif(IMMISCIBLE_REQUIRE_LIBTORCH)
  message(FATAL_ERROR "LibTorch: needs LibTorch 2.x, found none. Name one with CMAKE_PREFIX_PATH or Torch_DIR, or let pip fetch it "
    "(IMMISCIBLE_FETCH_LIBTORCH=ON).")
else()
  message(STATUS "LibTorch: none found, so what trains (flow_matching, planning_policy) and the tests of torch.hpp are left "
    "out. Name one with CMAKE_PREFIX_PATH or Torch_DIR, or let pip fetch it (IMMISCIBLE_FETCH_LIBTORCH=ON).")
endif()
