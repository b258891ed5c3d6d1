# Programs for a GPU, where there is nvcc: CMake's CUDA language is not enabled, so that the project configures without it.
include_guard(GLOBAL)

find_program(nvcc nvcc HINTS /usr/local/cuda/bin)
set(IMMISCIBLE_CUDA_ARCHITECTURES 80 90 CACHE STRING "GPUs to compile programs for; later ones take the last one's PTX")

# nvcc_flags(RESULT [PACKAGE...]): the flags for the library's headers and for those of the packages.
function(nvcc_flags result)
  set(folders ${PROJECT_SOURCE_DIR}/cuda ${PROJECT_SOURCE_DIR}/include)
  set(flags -std=c++17 -DEIGEN_NO_CUDA -Xcompiler=-Wall,-Wextra)
  list(TRANSFORM folders PREPEND -I)
  list(APPEND flags ${folders})
  foreach(package IN ITEMS Eigen3::Eigen LISTS ARGN)
    if(NOT package MATCHES "::")
      set(package ${package}::${package})
    endif()
    get_target_property(folders ${package} INTERFACE_INCLUDE_DIRECTORIES)
    foreach(folder IN LISTS folders)
      cmake_path(NORMAL_PATH folder)
      if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)  # -isystem would change their order
        list(APPEND flags -isystem=${folder})
      endif()
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES flags)
  set(${result} ${flags} PARENT_SCOPE)
endfunction()

# nvcc_program(NAME FILE [PACKAGE...]): FILE as the program NAME, if there are nvcc and the packages.
function(nvcc_program name file)
  if(NOT nvcc)
    message(NOTICE "-- ${name} is not built: there is no nvcc")
    return()
  endif()
  foreach(package IN LISTS ARGN)
    find_package(${package} QUIET)
    if(NOT ${package}_FOUND)
      message(NOTICE "-- ${name} is not built: there is no ${package}")
      return()
    endif()
  endforeach()
  nvcc_flags(flags ${ARGN})
  foreach(architecture IN LISTS IMMISCIBLE_CUDA_ARCHITECTURES)
    list(APPEND flags -gencode=arch=compute_${architecture},code=sm_${architecture})
  endforeach()
  list(GET IMMISCIBLE_CUDA_ARCHITECTURES -1 latest)
  list(APPEND flags -gencode=arch=compute_${latest},code=compute_${latest})
  set(folder ${CMAKE_CURRENT_BINARY_DIR})
  if(CMAKE_RUNTIME_OUTPUT_DIRECTORY)
    set(folder ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  endif()
  set(program ${folder}/${name})
  set(dependencies ${CMAKE_CURRENT_BINARY_DIR}/${name}.d)
  add_custom_command(
    OUTPUT ${program}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${folder}
    COMMAND ${nvcc} -O3 ${flags} -MD -MF ${dependencies} -MT ${program} ${CMAKE_CURRENT_SOURCE_DIR}/${file} -o ${program}
    DEPENDS ${file}
    DEPFILE ${dependencies}
    COMMENT "Building ${name} with nvcc"
    VERBATIM)
  add_custom_target(${name} ALL DEPENDS ${program})
endfunction()
