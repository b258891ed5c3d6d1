# cmake -D compiler=... -D flags=... -D program=... -P build_and_run.cmake: builds main.cpp with these flags and runs it.
separate_arguments(flags)
execute_process(COMMAND ${compiler} -std=c++17 ${flags} ${CMAKE_CURRENT_LIST_DIR}/main.cpp -o ${program}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${program} COMMAND_ERROR_IS_FATAL ANY)
