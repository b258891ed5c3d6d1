// The program of every consumer: moves three noise rows to their images.
#include <immiscible/assignment.hpp>

#include <cstdio>

int main() {
  Eigen::Matrix<float, 3, 2, Eigen::RowMajor> noise, expected;
  noise << 8, 8, 1, 1, 4, 4;
  expected << 1, 1, 4, 4, 8, 8;
  immiscible::permute_rows(noise, {1, 2, 0});
  if (noise != expected) return 1;
  std::puts("paired");
}
