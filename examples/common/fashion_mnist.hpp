// Fashion-MNIST: 70,000 grey pictures of clothes, 28x28 (Debian: dataset-fashion-mnist).
#pragma once

#include "image_sets.hpp"

#include <ATen/ATen.h>
#include <zlib.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

/// Reads a gzip-compressed IDX file of bytes.
///
/// @param dimensions  how many the file must have.
/// @return            uint8, the file's shape.
/// @throws std::runtime_error  the file is missing, is not such a file, or ends too soon.
inline at::Tensor read_idx(const std::string& file, int dimensions) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> input(gzopen(file.c_str(), "rb"), gzclose);
  if (!input) throw std::runtime_error("needs " + file + " (Debian: apt install dataset-fashion-mnist, or --data-dir)");
  const auto read = [&](void* to, std::size_t bytes) {
    if (gzread(input.get(), to, static_cast<unsigned>(bytes)) != static_cast<int>(bytes)) {
      throw std::runtime_error("needs a whole gzip-compressed IDX file, got " + file);
    }
  };
  const auto read_big_endian = [&] {
    unsigned char bytes[4];
    read(bytes, 4);
    return std::int64_t{bytes[0]} << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
  };
  if (read_big_endian() != 0x0800 + dimensions) throw std::runtime_error("needs an IDX file of bytes, got " + file);
  std::vector<std::int64_t> shape;
  std::int64_t count = 1;
  for (int i = 0; i < dimensions; ++i) {
    shape.push_back(read_big_endian());
    if (shape.back() < 1 || shape.back() > 100'000) throw std::runtime_error("needs sizes of pictures, got " + file);
    count *= shape.back();
  }
  if (count > 1'000'000'000) throw std::runtime_error("needs at most 1 GB of pictures, got " + file);
  at::Tensor data = at::empty(shape, at::kByte);
  read(data.mutable_data_ptr<std::uint8_t>(), static_cast<std::size_t>(count));
  return data;
}

/// The 60,000 training pictures ("train") or the 10,000 others ("t10k"), C = 1, 28x28 or, as means of 2x2 pixels, 14x14.
///
/// @throws std::runtime_error  a file is missing or damaged, or holds other pictures or labels; the text names it.
inline labelled_images read_fashion_mnist(const std::string& folder, const std::string& part, int size) {
  const std::string stem = folder + "/" + part;
  labelled_images data;
  data.images = read_idx(stem + "-images-idx3-ubyte.gz", 3).unsqueeze(1).to(at::kFloat) / 255;
  data.labels = read_idx(stem + "-labels-idx1-ubyte.gz", 1).to(at::kLong);
  if (data.images.size(0) != data.labels.size(0))
    throw std::runtime_error("needs one label for each picture in " + folder);
  const auto height = data.images.size(2), width = data.images.size(3), label = data.labels.max().item<std::int64_t>();
  if (height != 28 || width != 28) {
    throw std::runtime_error("needs pictures of 28x28 pixels, got " + std::to_string(height) + "x" +
                             std::to_string(width) + " in " + stem + "-images-idx3-ubyte.gz");
  }
  if (label > 9) {
    throw std::runtime_error("needs labels 0 to 9, got " + std::to_string(label) + " in " + stem +
                             "-labels-idx1-ubyte.gz");
  }
  if (size == 14) data.images = at::avg_pool2d(data.images, {2, 2});
  return data;
}

}  // namespace examples
