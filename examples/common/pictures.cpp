#include "pictures.hpp"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_SIMD  // so that a JPEG file gives the same pixels on every processor
#define STBI_MAX_DIMENSIONS 16384
#include <stb/stb_image.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

namespace examples {

namespace {

// -------------------------------------------------------------------------------------------------------------- Reading

/// A file in memory, as stb_image reads it. That goes on with zeros where a JPEG file ends too soon: noticed here.
struct reader {
  std::vector<char> bytes;
  std::size_t position = 0;
  bool ended_too_soon = false;

  std::size_t left() const { return bytes.size() - position; }

  static int read(void* user, char* to, int count) {
    reader& self = *static_cast<reader*>(user);
    const std::size_t given = std::min(self.left(), static_cast<std::size_t>(count));
    if (given == 0 && count > 0) self.ended_too_soon = true;
    std::copy_n(self.bytes.begin() + static_cast<std::ptrdiff_t>(self.position), given, to);
    self.position += given;
    return static_cast<int>(given);
  }
  static void skip(void* user, int count) {  // stb_image also takes bytes back
    reader& self = *static_cast<reader*>(user);
    if (count < 0) {
      self.position -= std::min(self.position, static_cast<std::size_t>(-static_cast<std::int64_t>(count)));
    } else {
      self.ended_too_soon |= static_cast<std::size_t>(count) > self.left();
      self.position += std::min(self.left(), static_cast<std::size_t>(count));
    }
  }
  static int at_end(void* user) { return static_cast<reader*>(user)->left() == 0; }
};

/// Pixels of 1 (grey), 2 (grey, alpha), 3 (colours) or 4 (colours, alpha) channels as colours over white.
std::vector<std::uint8_t> opaque_rgb(const stbi_uc* values, std::size_t pixels, int channels) {
  if (channels == 3) return {values, values + 3 * pixels};
  std::vector<std::uint8_t> rgb;
  rgb.reserve(3 * pixels);
  for (const stbi_uc* pixel = values; pixels > 0; --pixels, pixel += channels) {
    const int alpha = channels == 1 ? 255 : pixel[channels - 1];
    for (int c = 0; c < 3; ++c) {
      const int value = pixel[channels == 4 ? c : 0];
      rgb.push_back(static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255));
    }
  }
  return rgb;
}

// ------------------------------------------------------------------------------------------------------------- Resizing

/// A pixel of the new axis: the sum of weights[k] * old[first + k], over the axis' total.
struct weighted_pixels {
  int first = 0;
  std::vector<std::uint32_t> weights;
};

struct axis {
  std::vector<weighted_pixels> pixels;
  std::uint64_t total = 0;  ///< of the weights of each pixel
};

/// Old pixel i covers [i * to, (i + 1) * to), new pixel j covers [j * from, (j + 1) * from): the overlap is the weight.
axis shrunk_axis(int from, int to) {
  axis result{std::vector<weighted_pixels>(static_cast<std::size_t>(to)), static_cast<std::uint64_t>(from)};
  for (std::int64_t j = 0; j < to; ++j) {
    weighted_pixels& pixel = result.pixels[static_cast<std::size_t>(j)];
    const std::int64_t start = j * from, end = start + from;
    pixel.first = static_cast<int>(start / to);
    for (std::int64_t i = pixel.first; i * to < end; ++i) {
      pixel.weights.push_back(static_cast<std::uint32_t>(std::min((i + 1) * to, end) - std::max(i * to, start)));
    }
  }
  return result;
}

/// The centre of new pixel j lies (2 j + 1) from / (2 to) - 1/2 old pixels behind the centre of the first one.
axis enlarged_axis(int from, int to) {
  axis result{std::vector<weighted_pixels>(static_cast<std::size_t>(to)), 2 * static_cast<std::uint64_t>(to)};
  for (std::int64_t j = 0; j < to; ++j) {
    const std::int64_t last = 2 * std::int64_t{to} * (from - 1);
    const std::int64_t place = std::clamp<std::int64_t>((2 * j + 1) * from - to, 0, last);  // in 1 / (2 to) old pixels
    const auto behind = static_cast<std::uint32_t>(place % (2 * to));
    weighted_pixels& pixel = result.pixels[static_cast<std::size_t>(j)];
    pixel.first = static_cast<int>(place / (2 * to));
    pixel.weights.push_back(static_cast<std::uint32_t>(2 * to) - behind);
    if (behind > 0) pixel.weights.push_back(behind);
  }
  return result;
}

axis resized_axis(int from, int to) { return to > from ? enlarged_axis(from, to) : shrunk_axis(from, to); }

}  // namespace

std::vector<char> file_bytes(const std::string& file) {
  std::ifstream input(file, std::ios::binary | std::ios::ate);
  const std::streamoff size = input.tellg();
  std::vector<char> bytes(static_cast<std::size_t>(std::max<std::streamoff>(size, 0)));
  input.seekg(0);
  if (!std::filesystem::is_regular_file(file) || !input.read(bytes.data(), size)) {
    throw std::runtime_error("needs a file that can be read, got " + file);
  }
  return bytes;
}

picture read_picture(const std::string& file) {
  reader source{file_bytes(file)};
  const stbi_io_callbacks callbacks{reader::read, reader::skip, reader::at_end};
  int width = 0, height = 0, channels = 0;
  const std::unique_ptr<stbi_uc, void (*)(void*)> values(
      stbi_load_from_callbacks(&callbacks, &source, &width, &height, &channels, 0), stbi_image_free);
  if (!values || source.ended_too_soon) {
    throw std::runtime_error("needs a whole PNG or JPEG picture, got " + file + " (" +
                             (values ? "it ends too soon" : stbi_failure_reason()) + ")");
  }
  const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  return {width, height, opaque_rgb(values.get(), pixels, channels)};
}

picture resized(const picture& from, const rectangle& part, int width, int height) {
  if (part.width < 1 || part.height < 1 || part.left < 0 || part.top < 0 || part.width > from.width - part.left ||
      part.height > from.height - part.top) {
    throw std::invalid_argument("resized: needs a part inside the picture");
  }
  if (width < 1 || height < 1) throw std::invalid_argument("resized: needs sizes of 1 and more");
  const axis across = resized_axis(part.width, width), down = resized_axis(part.height, height);
  const auto row_values = 3 * static_cast<std::size_t>(width);

  std::vector<std::uint32_t> rows(row_values * static_cast<std::size_t>(part.height));  // resized across only, x total
  for (int y = 0; y < part.height; ++y) {
    const std::uint8_t* row = &from.rgb[3 * (static_cast<std::size_t>(part.top + y) * from.width + part.left)];
    std::uint32_t* to = &rows[static_cast<std::size_t>(y) * row_values];
    for (const weighted_pixels& pixel : across.pixels) {
      const std::uint8_t* value = row + 3 * pixel.first;
      std::uint32_t red = 0, green = 0, blue = 0;
      for (const std::uint32_t weight : pixel.weights) {
        red += weight * value[0];
        green += weight * value[1];
        blue += weight * value[2];
        value += 3;
      }
      *to++ = red;
      *to++ = green;
      *to++ = blue;
    }
  }

  picture result{width, height, {}};
  result.rgb.reserve(row_values * static_cast<std::size_t>(height));
  const std::uint64_t total = across.total * down.total;
  std::vector<std::uint64_t> sums(row_values);
  for (const weighted_pixels& pixel : down.pixels) {
    std::fill(sums.begin(), sums.end(), 0);
    const std::uint32_t* row = &rows[static_cast<std::size_t>(pixel.first) * row_values];
    for (const std::uint64_t weight : pixel.weights) {
      for (std::uint64_t& sum : sums) sum += weight * *row++;
    }
    for (const std::uint64_t sum : sums) result.rgb.push_back(static_cast<std::uint8_t>((sum + total / 2) / total));
  }
  return result;
}

rectangle centre_square(const picture& of) {
  const int side = std::min(of.width, of.height);
  return {(of.width - side) / 2, (of.height - side) / 2, side, side};
}

}  // namespace examples
