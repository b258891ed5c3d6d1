// Everything that users call, in a file with flags of its own: compiled several times, each time under another IMMISCIBLE_TEST_NAME.
#include "mixed_flags/built_here.hpp"

#include <immiscible/immiscible.hpp>

#include <limits>
#include <optional>
#include <stdexcept>

#define TEST_TEXT_OF(name) #name
#define TEST_TEXT(name) TEST_TEXT_OF(name)

namespace tests {
namespace {

using samples = immiscible::batch<float>;

template <class Function>
std::uintptr_t place(Function* function) {
  return reinterpret_cast<std::uintptr_t>(function);
}

// Never called, but compiled: no function of the library that it uses may be shared (shared_symbols.cmake).
[[gnu::used]] void use_everything(const samples& x, const immiscible::matrix_view<float>& out) {
  const std::vector<std::int64_t> group(x.rows());
  immiscible::assign_in_groups(x, x, group);
  immiscible::assign_with_conditions(x, x, x, 1.0);
  immiscible::nearest_noise(x, x, 1);
  immiscible::nearest_noise_masked(x, x, x, 1);
  immiscible::nearest_normal_rows(0, 0, 0, x, 4, out);
  immiscible::pairwise_cost(x, x, immiscible::cost_function::squared_l2, out);
  immiscible::scale_images(out, immiscible::image_scaling());
  immiscible::permute_rows(out, std::vector<std::int32_t>());
  immiscible::advice_text(immiscible::advise(x));
  immiscible::noise_matcher match;
  match(x, 0);
  immiscible::matched_loader<samples> loader([] { return std::optional<samples>(); });
  loader.next();
}

}  // namespace

build_report IMMISCIBLE_TEST_NAME() {
  std::vector<float> values = mixed_flags_costs();
  const samples cost(values.data(), mixed_flags_size, mixed_flags_size);
  build_report r;
  r.build = TEST_TEXT(IMMISCIBLE_BUILD);
  r.target = static_cast<int>(immiscible::detail::best_target());
  using solve = void(const samples&, immiscible::assignment&, immiscible::jonker_volgenant_workspace<float>&,
                     immiscible::warm_start);
  r.places = {place<solve>(&immiscible::jonker_volgenant<float>),
              place(&immiscible::assign<samples, samples>),
              place(&immiscible::is_optimal<const float, double>),
              place(&immiscible::normal_rows),
              place(&immiscible::detail::best_target),
              place(&immiscible::detail::is_matching)};
  r.answer = immiscible::jonker_volgenant(cost);
  values[7] = std::numeric_limits<float>::quiet_NaN();
  r.refuses_nan = false;
  try {
    immiscible::jonker_volgenant(cost);
  } catch (const std::invalid_argument&) {
    r.refuses_nan = true;
  }
  return r;
}

}  // namespace tests
