# cmake -D compiler=... -D "flags=...;..." -D source=... -D program=... [-D emulator=...] -P build_and_run.cmake: builds and runs.
execute_process(COMMAND ${compiler} -std=c++17 ${flags} ${CMAKE_CURRENT_LIST_DIR}/${source} -o ${program}
                COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${emulator} ${program} COMMAND_ERROR_IS_FATAL ANY)
