// One problem made from bytes, solved in every way, every answer checked. Replayed by tests/fuzz.cpp on seeded bytes, and the body
// of a libFuzzer program (tests/fuzz_main.cpp says how to run it).
#pragma once

#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/auction.hpp>
#include <immiscible/detail/list_solver.hpp>
#include <immiscible/greedy.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace tests {

/// Reads numbers from bytes; zeros when they are used up.
class byte_source {
 public:
  byte_source(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::uint8_t byte() { return used_ < size_ ? data_[used_++] : static_cast<std::uint8_t>(0); }
  std::size_t below(std::size_t values) { return (byte() + 256u * byte()) % values; }
  std::uint64_t eight_bytes() {
    std::uint64_t word = 0;
    for (int k = 0; k < 8; ++k) word = 256 * word + byte();
    return word;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_, used_ = 0;
};

/// A value for a cost: from few or many, near together or far apart, sometimes forbidden.
class value_source {
 public:
  explicit value_source(byte_source& bytes)
      : shape_(bytes.byte() % 8),
        forbidden_(bytes.byte() % 4 == 0 ? bytes.byte() % 90 : 0),
        random_(bytes.eight_bytes()) {}

  template <class Cost>
  Cost draw() {
    constexpr bool real = std::is_floating_point<Cost>::value;
    if (real && random_.below(100) < forbidden_) return static_cast<Cost>(std::numeric_limits<double>::infinity());
    const double u = random_.uniform();
    switch (shape_) {
      case 0:
        return static_cast<Cost>(random_.below(2));
      case 1:
        return static_cast<Cost>(random_.below(10) - 5);
      case 2:
        return static_cast<Cost>(20000 * (u - 0.5));
      case 3:
        return static_cast<Cost>(7);
      case 4:
        return static_cast<Cost>(real ? 1 + 1e-6 * u : 30000 + u);
      case 5:
        return static_cast<Cost>(std::exp((real ? 60 : 10) * (u - 0.5)));
      case 6:
        return static_cast<Cost>((u >= 0.02 ? 1.0 : real ? 1e4 : 5e3) * random_.bell());
      default:
        return static_cast<Cost>(1000 * random_.bell());
    }
  }

 private:
  int shape_;
  std::int64_t forbidden_;  // per cent
  random_source random_;
};

template <class Cost>
matrix<Cost> matrix_from(byte_source& bytes) {
  constexpr std::size_t sizes[] = {3, 8, 33, 80};  // below and above where lists are used
  const std::size_t n = 1 + bytes.below(sizes[bytes.byte() % 4]);
  const int shape = bytes.byte() % 6;  // square, a little wider, much wider
  const std::size_t m = shape == 0 ? n + bytes.below(3 * n + 1) : shape == 1 ? n + bytes.below(20) : n;
  const int copies = 1 + bytes.byte() % 4;  // of each row, of each column
  const bool levels = bytes.byte() % 2 == 0;
  value_source values(bytes);
  matrix<Cost> cost(n, m);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      const bool copied = copies > 1 && (i % static_cast<std::size_t>(copies) != 0) && j > 0;
      cost(i, j) = copied && i > 0 ? cost(i - 1, j) : values.draw<Cost>();
      if (levels && !is_forbidden(cost(i, j)) && std::abs(static_cast<double>(cost(i, j))) < 10000) {
        cost(i, j) = static_cast<Cost>(cost(i, j) + static_cast<Cost>(100 * (j % 7)));
      }
    }
  }
  return cost;
}

/// Law: the exact solver from both starts, the auction, and greedy choices agree with each other, and prove what they say.
template <class Cost>
bool all_solvers_agree(const matrix<Cost>& cost) {
  const auto fast = immiscible::jonker_volgenant(cost);
  const auto simple = immiscible::jonker_volgenant(cost, immiscible::warm_start::column_minima);
  if (fast.status != simple.status) return broken("one start finds a matching, the other none");
  if (fast.status == immiscible::status::infeasible) {
    return is_infeasible(cost.rows, fast) && is_infeasible(cost.rows, simple) &&
           is_infeasible(cost.rows, immiscible::auction(cost));
  }
  constexpr double tolerance = 1e-12;
  if (!is_proved(cost, fast, tolerance) || !is_proved(cost, simple, tolerance)) return false;
  if (!immiscible::is_optimal(cost.view(), fast)) return broken("is_optimal does not see the proof");
  if (cost.columns <= 8) {
    const double least = least_total(cost);
    if (!(std::abs(fast.total_cost - least) <= 1e-12 * static_cast<double>(cost.rows) * largest_cost(cost))) {
      return broken("brute force finds " + std::to_string(least) + ", not " + std::to_string(fast.total_cost));
    }
  }
  const auto near = immiscible::auction(cost);
  const double slack = 1e-11 * static_cast<double>(cost.rows) * largest_cost(cost);
  if (!total_is_true(cost, near) || !prices_are_feasible(cost, near, tolerance)) return false;
  if (near.status == immiscible::status::optimal && !is_proved(cost, near, tolerance)) return false;
  if (near.lower_bound > fast.total_cost + slack) return broken("the auction's lower bound is above the optimum");
  if (near.total_cost < fast.total_cost - slack) return broken("the auction is cheaper than the optimum");
  return are_identical(fast, immiscible::jonker_volgenant(cost)) || broken("another answer the second time");
}

/// What a fast solver left of `cost` leads to the simple solver's total, and is proved.
template <class Cost, class State>
bool leads_to(const matrix<Cost>& cost, double total, immiscible::detail::solver_result result, State& state) {
  namespace detail = immiscible::detail;
  const immiscible::batch<Cost> view = cost.view();
  if (result == detail::solver_result::unsuited) return true;
  if (result == detail::solver_result::prices) detail::assign_tight_pairs(view, state);
  if (!detail::assign_free_rows(view, state)) return broken("a fast solver on costs that forbid pairs");
  immiscible::basic_assignment<immiscible::price_of<Cost>> answer;
  detail::write_optimal(view, state, answer);
  if (!is_proved(cost, answer, 1e-12)) return false;
  const double slack = 1e-11 * static_cast<double>(cost.rows) * largest_cost(cost);
  return std::abs(answer.total_cost - total) <= slack || broken("another total by a fast solver");
}

/// The same on every instruction set, on rows in 16 bits and on lists, for the costs that they take.
template <class Cost>
bool fast_solvers_agree(const matrix<Cost>& cost) {
  namespace detail = immiscible::detail;
  const double total = immiscible::jonker_volgenant(cost, immiscible::warm_start::column_minima).total_cost;
  for (const auto target : {detail::simd_target::unasked, detail::simd_target::avx2, detail::simd_target::avx512}) {
    if (!detail::has_target(target)) continue;
    const immiscible::batch<Cost> view = cost.view();
    detail::shortest_paths_state<immiscible::price_of<Cost>> on_lists, on_rows;
    detail::fast_workspace<Cost> work;
    const auto lists = detail::solve_on_lists(view, on_lists, work.lists, {0, 0, true}, target);
    const auto rows = detail::solve_on_rows(view, on_rows, work.rows, {0, 0, true}, target);
    if (!leads_to(cost, total, lists, on_lists) || !leads_to(cost, total, rows, on_rows)) return false;
  }
  return true;
}

template <class Cost>
bool holds_for(byte_source& bytes) {
  const matrix<Cost> cost = matrix_from<Cost>(bytes);
  return all_solvers_agree(cost) && fast_solvers_agree(cost);
}

/// True if every law holds for the problem that these bytes describe.
inline bool laws_hold(const std::uint8_t* data, std::size_t size) {
  byte_source bytes(data, size);
  switch (bytes.byte() % 4) {
    case 0:
      return holds_for<float>(bytes);
    case 1:
      return holds_for<double>(bytes);
    case 2:
      return holds_for<std::int16_t>(bytes);
    default:
      return holds_for<std::int32_t>(bytes);
  }
}

}  // namespace tests
