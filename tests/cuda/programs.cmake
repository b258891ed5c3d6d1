# The programs for a GPU, run on the host: cuda.quickstart and cuda.benchmark_smoke; and compiled by nvcc, where there is one.
# Needs the target cuda_on_cpu.

find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)

# program_on_cpu(NAME FILE [LIBRARY...]): FILE as the program NAME_on_cpu.
function(program_on_cpu name file)
  set_source_files_properties(${file} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-x;c++")
  add_executable(${name}_on_cpu ${file})
  target_link_libraries(${name}_on_cpu PRIVATE cuda_on_cpu immiscible::immiscible immiscible_warnings ${ARGN})
endfunction()

program_on_cpu(quickstart_cuda ${PROJECT_SOURCE_DIR}/examples/quickstart_cuda.cu)
add_test(NAME cuda.quickstart COMMAND quickstart_cuda_on_cpu)

program_on_cpu(cuda_benchmark ${PROJECT_SOURCE_DIR}/benchmarks/cuda_benchmark.cu CLI11::CLI11 nlohmann_json::nlohmann_json)
add_test(NAME cuda.benchmark_smoke COMMAND cuda_benchmark_on_cpu --smoke --sizes 16 40 --json benchmark_smoke.json)

set_tests_properties(cuda.quickstart cuda.benchmark_smoke PROPERTIES TIMEOUT 600)

include(${PROJECT_SOURCE_DIR}/cmake/nvcc.cmake)
if(nvcc AND NOT IMMISCIBLE_SANITIZE)
  nvcc_flags(program_flags CLI11 nlohmann_json)
  foreach(file IN ITEMS examples/quickstart_cuda benchmarks/cuda_benchmark)
    cmake_path(GET file FILENAME name)
    add_test(NAME cuda.nvcc.${name} COMMAND ${nvcc} ${program_flags} --Werror all-warnings -arch=compute_90
                                            -c ${PROJECT_SOURCE_DIR}/${file}.cu -o ${name}.o)
    set_tests_properties(cuda.nvcc.${name} PROPERTIES TIMEOUT 600)
  endforeach()
endif()
