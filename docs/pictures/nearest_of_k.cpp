// Rows for the picture nearest_of_k and its table, as float32 on standard output: the image, then `count` noises for it.
//
//   nearest_of_k HOW D K COUNT SCALE      HOW: distance, product (drawn in O(d)), brute (k rows each); image N(0, SCALE^2)
#include <immiscible/drawn_nearest.hpp>
#include <immiscible/nearest_noise.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 6) return std::fputs("needs HOW D K COUNT SCALE\n", stderr), 2;
  const std::string how = argv[1];
  const std::size_t d = std::strtoull(argv[2], nullptr, 10), k = std::strtoull(argv[3], nullptr, 10);
  const std::size_t count = std::strtoull(argv[4], nullptr, 10);
  std::vector<float> image(d), noise(d), candidates(how == "brute" ? k * d : 0);
  immiscible::normal_rows(1, 0, 0, {image.data(), 1, d});
  for (float& x : image) x *= std::strtof(argv[5], nullptr);
  const immiscible::batch<float> x(image.data(), 1, d);
  std::fwrite(image.data(), sizeof(float), d, stdout);
  const auto function =
      how == "product" ? immiscible::cost_function::inner_product : immiscible::cost_function::squared_l2;
  for (std::size_t i = 0; i < count; ++i) {
    if (how == "brute") {
      immiscible::normal_rows(3, 0, i * k, {candidates.data(), k, d});
      const auto pairs = immiscible::nearest_noise(x, immiscible::batch<float>(candidates.data(), k, d), k);
      std::copy_n(candidates.data() + static_cast<std::size_t>(pairs.noise_of_image[0]) * d, d, noise.data());
    } else {
      immiscible::nearest_normal_rows(2, 0, i, x, static_cast<double>(k), {noise.data(), 1, d}, function);
    }
    std::fwrite(noise.data(), sizeof(float), d, stdout);
  }
}
