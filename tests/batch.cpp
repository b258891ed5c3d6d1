// Views of the caller's data.
#include <immiscible/batch.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <limits>
#include <stdexcept>

using immiscible::as_batch;
using immiscible::matrix_view;

TEST_CASE("a view reads and writes the caller's memory, stride included") {
  std::array<float, 8> memory{1, 2, 3, 0, 4, 5, 6, 0};
  const matrix_view<float> view(memory.data(), 2, 3, 4);
  CHECK(view(1, 2) == 6);
  CHECK(view.row(1) == memory.data() + 4);
  view(0, 1) = 9;
  CHECK(memory[1] == 9);
}

TEST_CASE("Eigen matrices and blocks of them are viewed without a copy") {
  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> matrix(3, 4);
  matrix << 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11;
  const auto whole = as_batch(matrix);
  CHECK(whole.data() == matrix.data());
  CHECK(whole.rows() == 3);
  CHECK(whole.columns() == 4);
  const auto part = as_batch(matrix.block(1, 1, 2, 2));
  CHECK(part.stride() == 4);
  CHECK(part(1, 1) == 10);
}

TEST_CASE("views that cannot exist are refused, and the message says why") {
  float x = 0;
  const std::size_t huge = std::numeric_limits<std::size_t>::max() / 2;
  CHECK_THROWS_WITH(matrix_view<float>(&x, 1, 2, 1),
                    "immiscible::matrix_view: needs stride >= columns, got stride 1 for 2 columns");
  CHECK_THROWS_AS(matrix_view<float>(&x, huge, huge), std::invalid_argument);
  CHECK_THROWS_AS(matrix_view<float>(nullptr, 1, 1), std::invalid_argument);
  CHECK_NOTHROW(matrix_view<float>(nullptr, 0, 5));
}
