// What a caller may ask drawn noise for; host code, without SIMD, for the CPU functions and the launchers of kernels alike.
#pragma once

#include <immiscible/batch.hpp>
#include <immiscible/cost_function.hpp>
#include <immiscible/detail/build_namespace.hpp>
#include <immiscible/detail/drawn_candidate.hpp>
#include <immiscible/detail/philox_block.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {

/// Throws unless steps, indices and columns fit the counter.
inline void check_noise_identity(const char* function, std::uint64_t step, std::uint64_t first_index, std::size_t rows,
                                 std::size_t columns) {
  constexpr std::uint64_t most = std::uint64_t{1} << philox_index_bits;
  constexpr std::uint64_t most_columns = (std::uint64_t{1} << philox_block_bits) * 4;
  if (step >= most) fail(function, "needs step < 2^48, got " + std::to_string(step));
  if (first_index > most || rows > most - first_index) {
    fail(function,
         "needs first_index + rows <= 2^48, got " + std::to_string(first_index) + " + " + std::to_string(rows));
  }
  if (columns > most_columns) fail(function, "needs at most 2^30 columns, got " + std::to_string(columns));
}

/// Throws unless k fits the cost.
inline void check_drawn_candidates(const char* name, double k, cost_function function) {
  const bool by_product = function == cost_function::inner_product;
  if (!by_product && function != cost_function::squared_l2 && function != cost_function::l2) {
    fail(name, "needs cost_function::squared_l2, l2 or inner_product, got another");
  }
  constexpr double most = std::uint32_t{1} << candidate_bits;
  const bool is_in_range = k >= 1 && k <= (by_product ? std::numeric_limits<double>::max() : most);
  if (is_in_range && (by_product || k == std::floor(k))) return;
  fail(name, std::string(by_product ? "needs a finite k >= 1" : "needs a whole number k from 1 to 2^24") + ", got " +
                 std::to_string(k));
}

/// Throws unless images and out have the same shape.
template <class Images, class Out>
void check_same_shape(const char* name, const Images& images, const Out& out) {
  if (out.rows() == images.rows() && out.columns() == images.columns()) return;
  fail(name, "needs images and out of the same shape, got " + shape_text(images) + " and " + shape_text(out));
}

}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
