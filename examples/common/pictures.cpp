#include "pictures.hpp"

#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace examples {

namespace {

// ------------------------------------------------------------------------------------------------------------- Reading

constexpr int largest_side = 16'384;  // a few changed bytes must not ask for all memory

[[noreturn]] void refuse(const std::string& file, const std::string& reason) {
  throw std::runtime_error("needs a whole PNG or JPEG picture, got " + file + " (" + reason + ")");
}

void check_sides(const std::string& file, std::int64_t width, std::int64_t height) {
  if (width >= 1 && height >= 1 && width <= largest_side && height <= largest_side) return;
  refuse(file, "of " + std::to_string(width) + "x" + std::to_string(height) + " pixels");
}

std::size_t values(std::int64_t width, std::int64_t height, int channels) {
  return static_cast<std::size_t>(width * height * channels);
}

/// (N, 4) -> (N, 3), over white.
std::vector<std::uint8_t> opaque(const std::vector<std::uint8_t>& rgba) {
  std::vector<std::uint8_t> rgb;
  rgb.reserve(rgba.size() / 4 * 3);
  for (std::size_t i = 0; i < rgba.size(); i += 4) {
    const int alpha = rgba[i + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      rgb.push_back(static_cast<std::uint8_t>((rgba[i + c] * alpha + 255 * (255 - alpha) + 127) / 255));
    }
  }
  return rgb;
}

picture read_png(const std::string& file, const std::vector<char>& bytes) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> owner(&image, png_image_free);
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size())) refuse(file, image.message);
  check_sides(file, image.width, image.height);
  const bool transparent = (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  image.format = transparent ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  std::vector<std::uint8_t> pixels(values(image.width, image.height, transparent ? 4 : 3));
  if (!png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr)) refuse(file, image.message);
  return {static_cast<int>(image.width), static_cast<int>(image.height), transparent ? opaque(pixels) : pixels};
}

/// Warnings count as errors: libjpeg-turbo warns where the file ends too soon or some of it cannot be decoded.
picture read_jpeg(const std::string& file, const std::vector<char>& bytes) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  if (!decoder) throw std::runtime_error("libjpeg-turbo cannot be started");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  picture result;
  int subsampling = 0, colours = 0;
  if (tjDecompressHeader3(decoder.get(), data, bytes.size(), &result.width, &result.height, &subsampling, &colours)) {
    refuse(file, tjGetErrorStr2(decoder.get()));
  }
  check_sides(file, result.width, result.height);
  result.rgb.resize(values(result.width, result.height, 3));
  if (tjDecompress2(decoder.get(), data, bytes.size(), result.rgb.data(), result.width, 0, result.height, TJPF_RGB,
                    TJFLAG_ACCURATEDCT)) {  // the transform that is the same on every processor
    refuse(file, tjGetErrorStr2(decoder.get()));
  }
  return result;
}

// ------------------------------------------------------------------------------------------------------------ Resizing

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
  const std::vector<char> bytes = file_bytes(file);
  const std::string_view start(bytes.data(), std::min<std::size_t>(bytes.size(), 8));
  if (start == "\x89PNG\r\n\x1a\n") return read_png(file, bytes);
  if (start.substr(0, 2) == "\xff\xd8") return read_jpeg(file, bytes);
  refuse(file, "it starts like neither");
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
