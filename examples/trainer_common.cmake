# What trainers share, as a library for the examples and for the tests of it; needs LibTorch.
include_guard(GLOBAL)

find_package(CLI11 REQUIRED)
find_package(Freetype REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(turbojpeg REQUIRED IMPORTED_TARGET GLOBAL libturbojpeg)

# Images that trainers read, pairing, command lines, checkpoints, reports. Compiled as one file: LibTorch's headers are nearly all of it.
set(common ${CMAKE_CURRENT_LIST_DIR}/common)
add_library(trainer_common STATIC ${common}/image_sets.cpp ${common}/pictures.cpp ${common}/checkpoint.cpp
                                  ${common}/matched_samples.cpp ${common}/options.cpp ${common}/report.cpp)
set_target_properties(trainer_common PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
target_link_libraries(trainer_common PUBLIC immiscible::immiscible immiscible_libtorch nlohmann_json::nlohmann_json ZLIB::ZLIB
                                            PNG::PNG PkgConfig::turbojpeg
                                     PRIVATE immiscible_warnings CLI11::CLI11 Freetype::Freetype)
