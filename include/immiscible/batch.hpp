// Views of the caller's data: images [n, d], noise [m, d], costs [n, m].
//
//   n images, m noise samples, d values per sample; row-major: element (i, j) stands at data[i * stride + j].
//
// A view owns nothing and copies nothing. The memory space is part of its type, so host and device data cannot be mixed
// up. `as_batch(x)` is the one customisation point: overload it beside your own type (it is found by argument-dependent
// lookup) and every function takes that type as its input. Outputs, and the overloads with a workspace, take views: pass as_batch(x).
#pragma once

#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/host_device.hpp>

#include <Eigen/Core>

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Throws std::invalid_argument("immiscible::<function>: <message>").
[[noreturn]] inline void fail(const char* function, const std::string& message) {
  throw std::invalid_argument(std::string("immiscible::") + function + ": " + message);
}

/// Throws unless there may be a view of this shape over elements of that many bytes.
inline void require_view(std::size_t rows, std::size_t columns, std::size_t stride, std::size_t element_bytes,
                         bool has_data);

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD

/// Where the elements of a view live.
enum class memory_space { host, device };

/// A non-owning row-major matrix [rows, columns] whose rows are `stride` elements apart.
///
/// `Scalar` may be const. A view converts to the view of const elements.
template <class Scalar, memory_space Space = memory_space::host>
class matrix_view {
 public:
  using value_type = std::remove_const_t<Scalar>;

  /// An empty view [0, 0].
  matrix_view() = default;

  /// The contiguous view [rows, columns] of `data`.
  ///
  /// @throws std::invalid_argument  rows * columns overflows, or `data` is null and the view is not empty.
  IMMISCIBLE_OF_BUILD matrix_view(Scalar* data, std::size_t rows, std::size_t columns)
      : matrix_view(data, rows, columns, columns) {}

  /// The view [rows, columns] of `data` with rows `stride` elements apart.
  ///
  /// @throws std::invalid_argument  stride < columns, rows * stride overflows, or `data` is null and the view is not empty.
  IMMISCIBLE_OF_BUILD matrix_view(Scalar* data, std::size_t rows, std::size_t columns, std::size_t stride)
      : data_(data), rows_(rows), columns_(columns), stride_(stride) {
    detail::require_view(rows, columns, stride, sizeof(Scalar), data != nullptr);
  }

  /// A mutable view is also a view of const elements.
  template <class Other, class = std::enable_if_t<std::is_same<const Other, Scalar>::value>>
  matrix_view(const matrix_view<Other, Space>& other)
      : data_(other.data()), rows_(other.rows()), columns_(other.columns()), stride_(other.stride()) {}

  IMMISCIBLE_HOST_DEVICE Scalar* data() const { return data_; }
  IMMISCIBLE_HOST_DEVICE std::size_t rows() const { return rows_; }
  IMMISCIBLE_HOST_DEVICE std::size_t columns() const { return columns_; }
  IMMISCIBLE_HOST_DEVICE std::size_t stride() const { return stride_; }
  IMMISCIBLE_HOST_DEVICE bool empty() const { return rows_ == 0 || columns_ == 0; }

  /// The first element of row `i`; nothing is checked.
  IMMISCIBLE_HOST_DEVICE Scalar* row(std::size_t i) const { return data_ + i * stride_; }
  /// Element (i, j); nothing is checked. Host views only.
  Scalar& operator()(std::size_t i, std::size_t j) const { return data_[i * stride_ + j]; }

 private:
  Scalar* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t columns_ = 0;
  std::size_t stride_ = 0;
};

/// Samples [n, d] in host memory that a function only reads.
template <class Scalar>
using batch = matrix_view<const Scalar, memory_space::host>;

inline namespace IMMISCIBLE_BUILD {

/// The view itself: anything already a view passes through.
template <class Scalar, memory_space Space>
matrix_view<Scalar, Space> as_batch(const matrix_view<Scalar, Space>& view) {
  return view;
}

/// The view of an Eigen matrix, array, map or block; row-major, inner stride 1, no copy.
///
/// @throws std::invalid_argument  rows that overlap (an outer stride below the columns).
template <class Derived>
auto as_batch(const Eigen::DenseBase<Derived>& matrix) {
  static_assert(Derived::IsRowMajor || Derived::RowsAtCompileTime == 1,
                "immiscible::as_batch: needs a row-major Eigen matrix (Eigen::RowMajor), got a column-major one");
  static_assert(Derived::InnerStrideAtCompileTime == 1, "immiscible::as_batch: needs an inner stride of 1");
  const Derived& m = matrix.derived();
  const auto rows = static_cast<std::size_t>(m.rows());
  const auto columns = static_cast<std::size_t>(m.cols());
  const auto stride = static_cast<std::size_t>(m.outerStride());
  const bool is_single = rows <= 1 && stride < columns;  // Eigen's stride of a single row may be anything
  return batch<typename Derived::Scalar>(m.data(), rows, columns, is_single ? columns : stride);
}

/// The mutable view of an Eigen matrix, array, map or block; row-major, inner stride 1, no copy. Of a map of const elements: the
/// view of const elements.
template <class Derived>
auto as_batch(Eigen::DenseBase<Derived>& matrix) {
  const auto view = as_batch(static_cast<const Eigen::DenseBase<Derived>&>(matrix));
  auto* const data = matrix.derived().data();
  return matrix_view<std::remove_pointer_t<decltype(matrix.derived().data())>>(data, view.rows(), view.columns(),
                                                                               view.stride());
}

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// "[rows, columns]", for messages.
inline std::string shape_text(std::size_t rows, std::size_t columns) {
  return "[" + std::to_string(rows) + ", " + std::to_string(columns) + "]";
}

template <class Scalar, memory_space Space>
std::string shape_text(const matrix_view<Scalar, Space>& view) {
  return shape_text(view.rows(), view.columns());
}

inline void require_view(std::size_t rows, std::size_t columns, std::size_t stride, std::size_t element_bytes,
                         bool has_data) {
  if (stride < columns) {
    fail("matrix_view", "needs stride >= columns, got stride " + std::to_string(stride) + " for " +
                            std::to_string(columns) + " columns");
  }
  const std::size_t most = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / element_bytes;
  if (stride != 0 && rows > most / stride) {
    fail("matrix_view", "needs rows * stride elements that fit the address space, got " + std::to_string(rows) + " * " +
                            std::to_string(stride));
  }
  if (!has_data && rows != 0 && columns != 0) {
    fail("matrix_view", "needs data, got a null pointer for shape " + shape_text(rows, columns));
  }
}

}  // namespace detail

}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
