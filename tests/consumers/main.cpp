// The program of every consumer: pairs three images with three noise samples and moves the noise to its image.
#include <immiscible/immiscible.hpp>

#include <cstdint>
#include <cstdio>
#include <vector>

int main() {
  Eigen::Matrix<float, 3, 2, Eigen::RowMajor> images, noise, expected;
  images << 0, 0, 5, 5, 9, 9;
  noise << 8, 8, 1, 1, 4, 4;
  expected << 1, 1, 4, 4, 8, 8;
  const auto paired = immiscible::assign(images, noise);
  if (paired.noise_of_image != std::vector<std::int32_t>{1, 2, 0}) return 1;
  immiscible::permute_rows(noise, paired.noise_of_image);
  if (noise != expected) return 1;
  std::puts("paired");
}
