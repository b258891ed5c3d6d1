// Pairs one batch of images with noise and shows how much nearer the noise comes.
#include <immiscible/immiscible.hpp>

#include <Eigen/Core>

#include <cstdio>

int main() {
  using batch = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Index n = 256, d = 784;

  // Images [n, d]: a stand-in for yours, scaled to [-1, 1]: bright discs of several sizes on black, 28 x 28 pixels.
  batch images(n, d);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index k = 0; k < d; ++k) {
      const double x = static_cast<double>(k % 28) - 10 - static_cast<double>(i % 8);
      const double y = static_cast<double>(k / 28) - 10 - static_cast<double>(i / 8 % 8);
      images(i, k) = x * x + y * y < 20.0 + 10 * static_cast<double>(i / 64) ? 1.0f : -1.0f;
    }
  }

  batch noise(n, d);  // row r is the noise of (seed, step, r): the same on every machine
  immiscible::normal_rows(/*seed*/ 42, /*step*/ 0, /*first row*/ 0, immiscible::as_batch(noise));

  const double before = immiscible::mean_distance(images, noise);
  const auto paired = immiscible::assign(images, noise);   // which noise should each image get?
  immiscible::permute_rows(noise, paired.noise_of_image);  // noise row i now belongs to image i
  const double after = immiscible::mean_distance(images, noise);

  std::printf("mean distance of image and noise: %.3f at random, %.3f paired (%+.2f %%)\n", before, after,
              100 * (after / before - 1));
}
