// Views of the caller's data.
#include "support/matrix.hpp"

#include <immiscible/batch.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>

namespace batch_tests {

using immiscible::as_batch;
using immiscible::matrix_view;

namespace {

using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

row_major counted(Eigen::Index rows, Eigen::Index columns) {
  row_major matrix(rows, columns);
  for (Eigen::Index k = 0; k < matrix.size(); ++k) matrix.data()[k] = static_cast<float>(k);
  return matrix;
}

}  // namespace

TEST_CASE("a view reads and writes the caller's memory, stride included") {
  std::array<float, 8> memory{1, 2, 3, 0, 4, 5, 6, 0};
  const matrix_view<float> view(memory.data(), 2, 3, 4);
  CHECK(view(1, 2) == 6);
  CHECK(view.row(1) == memory.data() + 4);
  CHECK_FALSE(view.empty());
  view(0, 1) = 9;
  CHECK(memory[1] == 9);
  const matrix_view<float> contiguous(memory.data(), 2, 4);
  CHECK(contiguous.stride() == 4);
  CHECK(contiguous(1, 0) == 4);
}

TEST_CASE("a mutable view is a view of const elements, and not the other way round") {
  std::array<double, 6> memory{0, 1, 2, 3, 4, 5};
  const matrix_view<double> view(memory.data(), 2, 2, 3);
  const immiscible::batch<double> read_only = view;
  CHECK(read_only.data() == view.data());
  CHECK(read_only.rows() == 2);
  CHECK(read_only.columns() == 2);
  CHECK(read_only.stride() == 3);
  CHECK(as_batch(view).data() == view.data());
  CHECK(std::is_convertible<matrix_view<double>, immiscible::batch<double>>::value);
  CHECK_FALSE(std::is_convertible<immiscible::batch<double>, matrix_view<double>>::value);
  CHECK_FALSE(std::is_convertible<matrix_view<double, immiscible::memory_space::device>, matrix_view<double>>::value);
}

TEST_CASE("Eigen matrices, maps, blocks and single rows are viewed without a copy") {
  row_major matrix = counted(3, 4);
  const auto whole = as_batch(matrix);
  CHECK(std::is_same<decltype(whole), const matrix_view<float>>::value);
  CHECK(whole.data() == matrix.data());
  CHECK(whole.rows() == 3);
  CHECK(whole.columns() == 4);
  CHECK(whole.stride() == 4);
  const auto part = as_batch(matrix.block(1, 1, 2, 2));
  CHECK(part.rows() == 2);
  CHECK(part.stride() == 4);
  CHECK(part(1, 1) == 10);
  const auto row = as_batch(matrix.row(2));
  CHECK(row.rows() == 1);
  CHECK(row.columns() == 4);
  CHECK(row(0, 3) == 11);
  const Eigen::Map<const row_major, 0, Eigen::OuterStride<>> map(matrix.data(), 2, 3, Eigen::OuterStride<>(4));
  CHECK(as_batch(map)(1, 2) == 6);
  CHECK(as_batch(map).stride() == 4);
  const row_major& constant = matrix;
  CHECK(std::is_same<decltype(as_batch(constant)), immiscible::batch<float>>::value);
  auto block = matrix.topRows(2);
  as_batch(block)(0, 0) = -1;
  CHECK(matrix(0, 0) == -1);
}

TEST_CASE("a map whose rows overlap is refused, but a single row has no stride") {
  const row_major matrix = counted(3, 4);
  for (const Eigen::Index stride : {0, 1, 3}) {
    const Eigen::Map<const row_major, 0, Eigen::OuterStride<>> map(matrix.data(), 2, 4, Eigen::OuterStride<>(stride));
    CHECK_THROWS_AS(as_batch(map), std::invalid_argument);
    const Eigen::Map<const row_major, 0, Eigen::OuterStride<>> one(matrix.data(), 1, 4, Eigen::OuterStride<>(stride));
    CHECK(as_batch(one)(0, 3) == 3);
  }
}

TEST_CASE("a map of const elements is viewed as such, whether the map itself is const or not") {
  const row_major matrix = counted(3, 4);
  Eigen::Map<const row_major> map(matrix.data(), 3, 4);
  const auto view = as_batch(map);
  CHECK(std::is_same<decltype(view), const immiscible::batch<float>>::value);
  CHECK(view.data() == matrix.data());
  Eigen::Ref<const row_major> reference(matrix);
  CHECK(as_batch(reference).data() == matrix.data());
}

TEST_CASE("views may be empty in either direction, without data") {
  CHECK(matrix_view<float>().empty());
  CHECK_NOTHROW(matrix_view<float>(nullptr, 0, 5));
  const matrix_view<float> no_columns(nullptr, 5, 0);
  CHECK(no_columns.empty());
  CHECK(no_columns.rows() == 5);
  CHECK(as_batch(row_major(0, 4)).columns() == 4);
  CHECK(as_batch(row_major(4, 0)).rows() == 4);
}

TEST_CASE("a type with its own as_batch is taken like any other") {
  tests::matrix<std::int16_t> owner(2, 3);
  const auto view = as_batch(owner);
  view(1, 1) = 7;
  CHECK(owner(1, 1) == 7);
}

TEST_CASE("views that cannot exist are refused, and the message says why") {
  float x = 0;
  const std::size_t huge = std::numeric_limits<std::size_t>::max() / 2;
  CHECK_THROWS_WITH(matrix_view<float>(&x, 1, 2, 1),
                    "immiscible::matrix_view: needs stride >= columns, got stride 1 for 2 columns");
  CHECK_THROWS_WITH(
      matrix_view<float>(&x, std::size_t{1} << 40, std::size_t{1} << 30),
      "immiscible::matrix_view: needs rows * stride elements that fit the address space, got 1099511627776 * "
      "1073741824");
  CHECK_THROWS_WITH(matrix_view<float>(nullptr, 1, 2),
                    "immiscible::matrix_view: needs data, got a null pointer for shape [1, 2]");
  CHECK_THROWS_AS(matrix_view<float>(&x, huge, huge), std::invalid_argument);
  CHECK_THROWS_AS(matrix_view<float>(&x, std::size_t{1} << 61, 1), std::invalid_argument);  // 2^63 bytes
  CHECK_NOTHROW(matrix_view<float>(&x, (std::size_t{1} << 61) - 1, 1));
  CHECK_THROWS_AS(matrix_view<double>(nullptr, huge / 8 + 1, 1, 1), std::invalid_argument);
}

}  // namespace batch_tests
