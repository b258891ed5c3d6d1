# Plays a project that uses the library in one way: cmake -D way=... -P consume.cmake (the variables: CMakeLists.txt).
# Everything happens in `work`, which is emptied first; the program that comes out must run and print "paired".

function(run)
  cmake_parse_arguments(ARG "" "OUTPUT" "" ${ARGN})
  execute_process(
    COMMAND ${ARG_UNPARSED_ARGUMENTS} WORKING_DIRECTORY ${work} RESULT_VARIABLE status OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARG_UNPARSED_ARGUMENTS " " line)
    message(FATAL_ERROR "${line}\n${output}")
  endif()
  if(ARG_OUTPUT)
    set(${ARG_OUTPUT} "${output}" PARENT_SCOPE)
  endif()
endfunction()

set(here ${CMAKE_CURRENT_LIST_DIR})
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

# An installed tree, moved once: nothing in it may remember where it was.
if(way STREQUAL "find_package" OR way STREQUAL "pkg_config")
  run(${CMAKE_COMMAND} --install ${library_build} --prefix ${work}/staged)
  file(RENAME ${work}/staged ${work}/installed)
endif()

if(way STREQUAL "pkg_config")
  set(ENV{PKG_CONFIG_PATH} ${work}/installed/share/pkgconfig)
  run(pkg-config --modversion immiscible OUTPUT found)
  string(STRIP "${found}" found)
  if(NOT found STREQUAL version)
    message(FATAL_ERROR "pkg-config says version ${found}, expected ${version}")
  endif()
  run(pkg-config --cflags --libs immiscible OUTPUT flags)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${compiler} -std=c++17 -O1 ${here}/main.cpp -o ${work}/consumer ${flags})
  run(${work}/consumer OUTPUT said)
else()
  set(arguments -D library_source=${library_source} -D version=${version} -D Eigen3_DIR=${eigen})
  if(way STREQUAL "find_package")
    list(APPEND arguments -D CMAKE_PREFIX_PATH=${work}/installed)
  endif()
  run(${CMAKE_COMMAND} -G ${generator} -D CMAKE_CXX_COMPILER=${compiler} -S ${here}/${way} -B ${work}/build ${arguments})
  run(${CMAKE_COMMAND} --build ${work}/build)
  run(${work}/build/consumer OUTPUT said)
endif()

if(NOT said STREQUAL "paired\n")
  message(FATAL_ERROR "the program printed '${said}', expected 'paired'")
endif()
