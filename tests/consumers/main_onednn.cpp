// The program of consumers that link oneDNN: pairs 64 images with their own, shuffled and darkened, on costs in bytes.
#include <immiscible/immiscible.hpp>

#include <cstdint>
#include <cstdio>

int main() {
  constexpr int n = 64, d = 512;
  Eigen::Matrix<float, n, d, Eigen::RowMajor> images, noise;
  immiscible::normal_rows(1, 0, 0, immiscible::matrix_view<float>(images.data(), n, d));
  for (int i = 0; i < n; ++i) noise.row((i * 5 + 3) % n) = 0.5f * images.row(i);
  immiscible::assign_options options;
  options.precision = immiscible::precision::automatic;
  const auto paired = immiscible::assign(images, noise, options);
  if (paired.precision != immiscible::precision::int8) return 1;
  for (int i = 0; i < n; ++i) {
    if (paired.noise_of_image[static_cast<std::size_t>(i)] != (i * 5 + 3) % n) return 1;
  }
  std::puts("paired");
}
