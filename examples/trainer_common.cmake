# What trainers share, as libraries for the examples and for the tests of it; needs LibTorch.
include_guard(GLOBAL)

find_package(CLI11 REQUIRED)
find_package(Freetype REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(turbojpeg REQUIRED IMPORTED_TARGET libturbojpeg)

set(common ${CMAKE_CURRENT_LIST_DIR}/common)

# The images that trainers read.
add_library(image_sets STATIC ${common}/image_sets.cpp ${common}/pictures.cpp)
target_link_libraries(image_sets PUBLIC immiscible_libtorch ZLIB::ZLIB PNG::PNG PkgConfig::turbojpeg
                                 PRIVATE immiscible_warnings Freetype::Freetype)

# Command lines, checkpoints, reports.
add_library(trainer_common STATIC ${common}/checkpoint.cpp ${common}/options.cpp ${common}/report.cpp)
target_link_libraries(trainer_common PUBLIC immiscible::immiscible immiscible_libtorch image_sets
                                            nlohmann_json::nlohmann_json ZLIB::ZLIB
                                     PRIVATE immiscible_warnings CLI11::CLI11)
