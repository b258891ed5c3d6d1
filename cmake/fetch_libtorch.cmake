# Takes LibTorch (C++ headers and CPU libraries) out of the PyPI wheel of PyTorch and lays it into one folder.
#
#   cmake -DIMMISCIBLE_LIBTORCH_DIR=<folder> -P cmake/fetch_libtorch.cmake      as a script, pip shows its progress bar
#   immiscible_fetch_libtorch(<folder> <result variable>)                       from a CMakeLists.txt
#
# Needs pip (Debian: python3-pip) and the network; pip only downloads here, so nothing is installed into Python. About
# 550 MB are downloaded once; what stays is about 510 MB: headers, libtorch_cpu, libc10, libgomp, and the two small CUDA
# libraries against which libtorch_cpu is linked (nothing of CUDA is used, no GPU and no driver are needed). A folder that
# is complete already is left as it is.

set(IMMISCIBLE_LIBTORCH_VERSION "2.15.0")  # of the PyTorch wheel; it is linked against the CUDA wheels named below

function(immiscible_fetch_libtorch folder result)
  set(${result} FALSE PARENT_SCOPE)
  if(EXISTS "${folder}/torch/lib/libtorch_cpu.so")
    set(${result} TRUE PARENT_SCOPE)
    return()
  endif()
  file(GLOB content "${folder}/*")
  if(content)
    message(STATUS "LibTorch: ${folder} holds something else, so nothing is fetched into it")
    return()
  endif()
  cmake_host_system_information(RESULT platform QUERY OS_PLATFORM)
  if(NOT CMAKE_HOST_UNIX OR NOT platform STREQUAL "x86_64")
    message(STATUS "LibTorch: is fetched for Linux x86_64 only, this machine is ${platform}")
    return()
  endif()

  set(pip "")
  foreach(python python3 /usr/bin/python3 python)
    execute_process(COMMAND ${python} -m pip --version RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(failed STREQUAL "0")
      set(pip ${python} -m pip)
      break()
    endif()
  endforeach()
  if(NOT pip)
    message(STATUS "LibTorch: cannot fetch it without pip (on Debian: apt install python3-pip)")
    return()
  endif()

  message(STATUS "LibTorch: fetching the PyTorch ${IMMISCIBLE_LIBTORCH_VERSION} wheel with pip (550 MB, once) into ${folder}")
  set(wheels "${folder}.download")
  file(REMOVE_RECURSE "${wheels}")
  file(MAKE_DIRECTORY "${wheels}")
  execute_process(  # the Python version only selects the wheel's file name: the C++ part is the same in all of them
    COMMAND ${pip} download --no-deps --only-binary=:all: --python-version 3.11 --disable-pip-version-check
            --dest "${wheels}" "torch==${IMMISCIBLE_LIBTORCH_VERSION}" "nvidia-cuda-runtime==13.2.*"
            "nvidia-cuda-cupti==13.2.*"
    RESULT_VARIABLE failed)
  if(NOT failed STREQUAL "0")
    message(STATUS "LibTorch: pip could not download it (its message is above)")
    file(REMOVE_RECURSE "${wheels}")
    return()
  endif()

  message(STATUS "LibTorch: unpacking")
  set(wanted_of_torch "torch/include/*" "torch/share/cmake/Torch/*" "torch/lib/libtorch_cpu.so" "torch/lib/libc10.so"
    "torch/lib/libgomp*" "torch*.dist-info/METADATA" "torch*.dist-info/licenses/*")
  set(wanted_of_nvidia_cuda_runtime "nvidia/*/lib/libcudart.so*" "*.dist-info/licenses/*")
  set(wanted_of_nvidia_cuda_cupti "nvidia/*/lib/libcupti.so*" "*.dist-info/licenses/*")
  set(unpacked "${wheels}/unpacked")
  file(MAKE_DIRECTORY "${unpacked}")
  foreach(package torch nvidia_cuda_runtime nvidia_cuda_cupti)
    file(GLOB wheel "${wheels}/${package}-*.whl")
    execute_process(COMMAND ${CMAKE_COMMAND} -E tar xf "${wheel}" -- ${wanted_of_${package}}
      WORKING_DIRECTORY "${unpacked}" RESULT_VARIABLE failed)
    if(NOT failed STREQUAL "0")
      message(STATUS "LibTorch: could not unpack ${wheel}")
      file(REMOVE_RECURSE "${wheels}")
      return()
    endif()
  endforeach()
  file(REMOVE_RECURSE "${folder}")
  file(RENAME "${unpacked}" "${folder}")  # complete, or not there at all
  file(REMOVE_RECURSE "${wheels}")
  set(${result} TRUE PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  if(NOT IMMISCIBLE_LIBTORCH_DIR)
    message(FATAL_ERROR "fetch_libtorch.cmake: needs -DIMMISCIBLE_LIBTORCH_DIR=<folder>")
  endif()
  get_filename_component(folder "${IMMISCIBLE_LIBTORCH_DIR}" ABSOLUTE)
  immiscible_fetch_libtorch("${folder}" fetched)
  if(NOT fetched)
    message(FATAL_ERROR "fetch_libtorch.cmake: needs pip and the network to take LibTorch from PyPI")
  endif()
endif()
