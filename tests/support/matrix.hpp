// Owned matrices for tests, and random numbers that are the same on every platform.
#pragma once

#include <immiscible/batch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

namespace tests {

/// A seeded source. (The distributions of <random> differ between standard libraries; the engine does not.)
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : engine_(seed) {}

  std::int64_t below(std::int64_t values) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(values));
  }
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  /// About N(0, 1): the sum of 12 uniform numbers.
  double bell() {
    double sum = -6;
    for (int k = 0; k < 12; ++k) sum += uniform();
    return sum;
  }

 private:
  std::mt19937_64 engine_;
};

/// A row-major matrix [rows, columns] that owns its values. The library takes it through its own `as_batch`.
template <class Scalar>
struct matrix {
  std::size_t rows = 0, columns = 0;
  std::vector<Scalar> values;

  matrix() = default;
  matrix(std::size_t n, std::size_t m) : rows(n), columns(m), values(n * m) {}

  Scalar& operator()(std::size_t i, std::size_t j) { return values[i * columns + j]; }
  const Scalar& operator()(std::size_t i, std::size_t j) const { return values[i * columns + j]; }
  immiscible::matrix_view<Scalar> view() { return {values.data(), rows, columns}; }
  immiscible::batch<Scalar> view() const { return {values.data(), rows, columns}; }
};

template <class Scalar>
immiscible::matrix_view<Scalar> as_batch(matrix<Scalar>& owner) {
  return owner.view();
}
template <class Scalar>
immiscible::batch<Scalar> as_batch(const matrix<Scalar>& owner) {
  return owner.view();
}

/// The matrix with element (i, j) = value(i, j).
template <class Scalar, class Value>
matrix<Scalar> make_matrix(std::size_t n, std::size_t m, const Value& value) {
  matrix<Scalar> made(n, m);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < m; ++j) made(i, j) = static_cast<Scalar>(value(i, j));
  }
  return made;
}

/// The same values as another type; beyond the range of an integer its end.
template <class To, class From>
matrix<To> converted(const matrix<From>& from) {
  return make_matrix<To>(from.rows, from.columns, [&](std::size_t i, std::size_t j) {
    if constexpr (std::is_integral_v<To> && sizeof(To) <= 4) {
      return std::clamp<double>(static_cast<double>(from(i, j)), std::numeric_limits<To>::min(),
                                std::numeric_limits<To>::max());
    } else {
      return from(i, j);
    }
  });
}

/// Samples [n, d], each value about N(mean, deviation^2).
template <class Scalar>
matrix<Scalar> bell_samples(std::size_t n, std::size_t d, std::uint64_t seed, double mean = 0, double deviation = 1) {
  random_source draw(seed);
  return make_matrix<Scalar>(n, d, [&](std::size_t, std::size_t) { return mean + deviation * draw.bell(); });
}

/// Samples [n, d] of small integers -3 ... 3: products and squared distances are exact in every type, and ties are many.
template <class Scalar>
matrix<Scalar> integer_samples(std::size_t n, std::size_t d, std::uint64_t seed) {
  random_source draw(seed);
  return make_matrix<Scalar>(n, d, [&](std::size_t, std::size_t) { return draw.below(7) - 3; });
}

/// A copy of a matrix with `before` elements ahead of it and `between` after each row but the last, all `poison`: whoever
/// reads past a row gets poison, whoever reads past the end is caught by the address sanitizer.
template <class Scalar>
struct padded {
  std::vector<Scalar> memory;
  std::size_t rows, columns, stride, before;

  padded(const matrix<Scalar>& from, std::size_t before_, std::size_t between, Scalar poison)
      : rows(from.rows), columns(from.columns), stride(from.columns + between), before(before_) {
    memory.assign(before + (rows == 0 ? 0 : (rows - 1) * stride + columns), poison);
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) memory[before + i * stride + j] = from(i, j);
    }
  }
  immiscible::matrix_view<Scalar> view() { return {memory.data() + before, rows, columns, stride}; }
  immiscible::batch<Scalar> view() const { return {memory.data() + before, rows, columns, stride}; }
};

template <class Scalar>
constexpr Scalar not_a_number = std::numeric_limits<Scalar>::quiet_NaN();

}  // namespace tests
