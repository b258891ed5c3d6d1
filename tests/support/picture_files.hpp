// Small files of pictures in a folder of their own, for tests of what reads them.
#pragma once

#include "../../examples/common/pictures.hpp"

#include "temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <png.h>
#include <turbojpeg.h>

#include <cstdint>
#include <random>
#include <string>

inline examples::picture uniform(int width, int height, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  examples::picture result{width, height, {}};
  for (int i = 0; i < width * height; ++i) result.rgb.insert(result.rgb.end(), {red, green, blue});
  return result;
}

inline examples::picture random_picture(int width, int height) {
  examples::picture result{width, height, {}};
  std::mt19937 random(1);
  for (int i = 0; i < 3 * width * height; ++i) result.rgb.push_back(static_cast<std::uint8_t>(random() >> 24));
  return result;
}

/// `format`: PNG_FORMAT_GRAY, PNG_FORMAT_RGB, PNG_FORMAT_RGBA.
inline void write_png(const std::string& file, int width, int height, png_uint_32 format, const std::uint8_t* values) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = format;
  REQUIRE(png_image_write_to_file(&image, file.c_str(), 0, values, 0, nullptr));
}

inline void write_png(const std::string& file, const examples::picture& p) {
  write_png(file, p.width, p.height, PNG_FORMAT_RGB, p.rgb.data());
}

inline void write_jpeg(const std::string& file, const examples::picture& p) {
  const tjhandle encoder = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  REQUIRE(tjCompress2(encoder, p.rgb.data(), p.width, 0, p.height, TJPF_RGB, &bytes, &size, TJSAMP_420, 95, 0) == 0);
  std::ofstream(file, std::ios::binary).write(reinterpret_cast<char*>(bytes), static_cast<std::streamsize>(size));
  tjFree(bytes);
  tjDestroy(encoder);
}
