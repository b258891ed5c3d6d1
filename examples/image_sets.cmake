# The library `image_sets`: the images that trainers read. Included by the examples, and by the tests; needs LibTorch.
include_guard(GLOBAL)

find_package(Freetype REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(turbojpeg REQUIRED IMPORTED_TARGET libturbojpeg)

add_library(image_sets STATIC ${CMAKE_CURRENT_LIST_DIR}/common/image_sets.cpp
                              ${CMAKE_CURRENT_LIST_DIR}/common/pictures.cpp)
target_link_libraries(image_sets PUBLIC immiscible_libtorch ZLIB::ZLIB PNG::PNG PkgConfig::turbojpeg
                                 PRIVATE immiscible_warnings Freetype::Freetype)
