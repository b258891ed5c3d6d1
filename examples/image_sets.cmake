# The library `image_sets`: the images that trainers read. Included by the examples, and by the tests; needs LibTorch.
include_guard(GLOBAL)

find_package(Freetype REQUIRED)
find_package(ZLIB REQUIRED)
find_path(stb_folder stb/stb_image.h REQUIRED)

add_library(image_sets STATIC ${CMAKE_CURRENT_LIST_DIR}/common/image_sets.cpp
                              ${CMAKE_CURRENT_LIST_DIR}/common/pictures.cpp)
target_include_directories(image_sets SYSTEM PUBLIC ${stb_folder})
target_link_libraries(image_sets PUBLIC immiscible_libtorch ZLIB::ZLIB PRIVATE immiscible_warnings Freetype::Freetype)
