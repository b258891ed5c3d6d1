# The programs that need no LibTorch. Included by the examples, and by the tests, which run `pair`.
include_guard(GLOBAL)

find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)

add_executable(quickstart ${CMAKE_CURRENT_LIST_DIR}/quickstart.cpp)
target_link_libraries(quickstart PRIVATE immiscible::immiscible immiscible_warnings immiscible_native)

add_executable(pair ${CMAKE_CURRENT_LIST_DIR}/pair.cpp)
target_link_libraries(pair PRIVATE immiscible::immiscible immiscible_warnings immiscible_native CLI11::CLI11
                                   nlohmann_json::nlohmann_json)

find_package(ZLIB REQUIRED)
add_executable(diagnose ${CMAKE_CURRENT_LIST_DIR}/diagnose.cpp)
target_link_libraries(diagnose PRIVATE immiscible::immiscible immiscible_warnings immiscible_native CLI11::CLI11
                                       nlohmann_json::nlohmann_json ZLIB::ZLIB)
