// PNG and JPEG files as pixels, and parts of pictures in another size. All in whole numbers: the same on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace examples {

struct picture {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;  ///< (height, width, 3)
};

/// A part of a picture, in pixels.
struct rectangle {
  int left, top, width, height;
};

/// All bytes of a file.
///
/// @throws std::runtime_error  it cannot be read; the text names it.
std::vector<char> file_bytes(const std::string& file);

/// Reads a PNG or JPEG file of at most 16384 pixels a side; what is transparent becomes white.
///
/// @throws std::runtime_error  the file is missing, is neither, is damaged or ends too soon; the text names it.
picture read_picture(const std::string& file);

/// The part as `width` x `height` pixels: along each axis the average of what a pixel covers, or where the axis is
/// enlarged, the straight line between the two nearest pixels.
///
/// @throws std::invalid_argument  the part is empty or not inside the picture, or the new size is below 1.
picture resized(const picture& from, const rectangle& part, int width, int height);

/// The largest square in the middle.
rectangle centre_square(const picture& of);

}  // namespace examples
