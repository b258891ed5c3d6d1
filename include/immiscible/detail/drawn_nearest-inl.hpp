// The passes of drawn_nearest.hpp over a row, and over its candidates, on vectors: the portable versions operation by
// operation, and so bit by bit. Compiled once for each instruction set, after normal-inl.hpp; see simd_dispatch.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {
namespace nearest {

namespace hn = hwy::HWY_NAMESPACE;

using double_tag = hn::CappedTag<double, 8>;
using half_tag = hn::Rebind<float, double_tag>;  // as many floats as doubles
using half_int_tag = hn::Rebind<std::int32_t, double_tag>;
using doubles = hn::Vec<double_tag>;
constexpr std::size_t lanes = hn::MaxLanes(double_tag());

/// `x`, hidden from the optimiser: see `kept` in rounded_double.hpp.
HWY_INLINE doubles kept(doubles x) {
#if HWY_ARCH_X86
  asm("" : "+v"(x.raw));
#else
  asm("" : "+w"(x.raw));
#endif
  return x;
}

HWY_INLINE doubles product(doubles a, doubles b) { return kept(hn::Mul(a, b)); }
HWY_INLINE doubles sum(doubles a, doubles b) { return kept(hn::Add(a, b)); }
HWY_INLINE doubles constant(double x) { return hn::Set(double_tag(), x); }
HWY_INLINE doubles load(const float* x) { return hn::PromoteTo(double_tag(), hn::LoadU(half_tag(), x)); }

/// The first attempts of normal::lanes candidates: s, z, and the top 31 bits of word 2.
struct attempts {
  float along[normal::lanes], z[normal::lanes];
  std::int32_t sure[normal::lanes];
};

HWY_INLINE void draw_attempts(const normal::row_state& state, std::uint32_t first, attempts& out) {
  const std::uint32_t block = first | static_cast<std::uint32_t>(philox_stream::candidates) << philox_block_bits;
  const auto even_lanes = hn::ShiftLeft<1>(hn::Iota(normal::wide_tag(), 0));
  const normal::wide_words even = normal::draw(state, hn::Add(even_lanes, normal::wide_constant(block)));
  const normal::wide_words odd = normal::draw(state, hn::Add(even_lanes, normal::wide_constant(block + 1)));
  normal::store_pairs(normal::interleaved(even.word_0, odd.word_0), normal::interleaved(even.word_1, odd.word_1),
                      out.along, out.z);
  const auto sure = hn::ShiftRight<1>(normal::interleaved(even.word_2, odd.word_2));
  hn::StoreU(hn::BitCast(normal::int_tag(), sure), normal::int_tag(), out.sure);
}

}  // namespace nearest

/// See nearest_candidate_portable.
static HWY_MAYBE_UNUSED std::uint32_t nearest_candidate(const candidate_row& row, std::uint32_t k, double plain_cost) {
  using namespace nearest;  // of this file
  if (row.law.degrees < 2) return nearest_candidate_portable(row, k, plain_cost);
  const normal::row_state state = normal::prepare_row(row.seed, row.step, row.index);
  const doubles none = constant(std::numeric_limits<double>::max()), last = constant(k);
  doubles least = none, least_number = hn::Zero(double_tag());
  candidate_choice choice = {plain_cost, 0};
  attempts drawn;
  for (std::uint32_t first = 1; first < k; first += normal::lanes) {
    draw_attempts(state, first, drawn);
    for (std::uint32_t part = 0; part < normal::lanes; part += lanes) {
      const doubles s = load(drawn.along + part), z = load(drawn.z + part);
      const doubles y = product(z, constant(row.law.slope)), t = sum(constant(1.0), y), z2 = product(z, z);
      const doubles sure =
          hn::Mul(hn::PromoteTo(double_tag(), hn::LoadU(half_int_tag(), drawn.sure + part)), constant(0x1p-31));
      const doubles doubt = product(product(z2, z2), constant(row.law.sureness));
      const auto accepted = hn::And(hn::Le(doubt, sure), hn::Ge(y, constant(-0.5)));
      const doubles number = hn::Iota(double_tag(), static_cast<double>(first + part));
      const auto is_there = hn::Lt(number, last);
      const doubles across = product(product(product(t, t), t), constant(row.law.twice_b));
      const doubles cost = kept(hn::Sub(sum(product(s, s), across), product(constant(row.twice_norm), s)));
      const auto nearer = hn::And(hn::And(accepted, is_there), hn::Lt(cost, least));
      least = hn::IfThenElse(nearer, cost, least);
      least_number = hn::IfThenElse(nearer, number, least_number);
      if (HWY_LIKELY(hn::AllFalse(double_tag(), hn::AndNot(accepted, is_there)))) continue;
      double doubtful[lanes];
      hn::StoreU(hn::IfThenElseZero(hn::AndNot(accepted, is_there), number), double_tag(), doubtful);
      for (const double c : doubtful) {
        if (c > 0) choice = nearer_choice(choice, choice_of(row, static_cast<std::uint32_t>(c)));
      }
    }
  }
  double cost[lanes], number[lanes];
  hn::StoreU(least, double_tag(), cost);
  hn::StoreU(least_number, double_tag(), number);
  for (std::size_t k_lane = 0; k_lane < lanes; ++k_lane) {
    if (number[k_lane] > 0) {
      choice = nearer_choice(choice, {cost[k_lane], static_cast<std::uint32_t>(number[k_lane])});
    }
  }
  return choice.number;
}

/// See products_of_row_portable.
static HWY_MAYBE_UNUSED row_products products_of_row(const float* image, const float* noise, std::size_t d) {
  namespace hn = hwy::HWY_NAMESPACE;
  using sum_tag =
      hn::CappedTag<double, 4>;  // wider vectors convert floats more slowly on Zen 4: 470 -> 350 ns at d = 3072
  using value_tag = hn::Rebind<float, sum_tag>;
  constexpr std::size_t lanes = hn::MaxLanes(sum_tag()), parts = statistics_lanes / lanes;
  hn::Vec<sum_tag> image_squares[parts], noise_squares[parts], products[parts];
  for (std::size_t p = 0; p < parts; ++p) image_squares[p] = noise_squares[p] = products[p] = hn::Zero(sum_tag());
  std::size_t j = 0;
  for (; j + statistics_lanes <= d; j += statistics_lanes) {
#pragma GCC unroll 8                           // or the sums stay in memory at -O2
    for (std::size_t p = 0; p < parts; ++p) {  // products of floats are exact: fused or not, the same sums
      const auto x = hn::PromoteTo(sum_tag(), hn::LoadU(value_tag(), image + j + p * lanes));
      const auto g = hn::PromoteTo(sum_tag(), hn::LoadU(value_tag(), noise + j + p * lanes));
      image_squares[p] = hn::MulAdd(x, x, image_squares[p]);
      noise_squares[p] = hn::MulAdd(g, g, noise_squares[p]);
      products[p] = hn::MulAdd(x, g, products[p]);
    }
  }
  product_lanes sums;
  for (std::size_t p = 0; p < parts; ++p) {
    hn::StoreU(image_squares[p], sum_tag(), sums.image_squares + p * lanes);
    hn::StoreU(noise_squares[p], sum_tag(), sums.noise_squares + p * lanes);
    hn::StoreU(products[p], sum_tag(), sums.products + p * lanes);
  }
  return finish_products(image + j, noise + j, d - j, sums);
}

/// See mix_row_portable.
static HWY_MAYBE_UNUSED void mix_row(float of_noise, float of_image, const float* image, std::size_t d, float* noise) {
  using normal::float_tag;
  const auto a = normal::constant(of_noise), b = normal::constant(of_image);
  std::size_t j = 0;
  for (; j + normal::lanes <= d; j += normal::lanes) {
    const auto g = hwy::HWY_NAMESPACE::LoadU(float_tag(), noise + j);
    const auto x = hwy::HWY_NAMESPACE::LoadU(float_tag(), image + j);
    hwy::HWY_NAMESPACE::StoreU(normal::sum(normal::product(a, g), normal::product(b, x)), float_tag(), noise + j);
  }
  mix_row_portable(of_noise, of_image, image + j, d - j, noise + j);
}

/// See is_finite_row_portable.
static HWY_MAYBE_UNUSED bool is_finite_row(const float* row, std::size_t d) {
  using namespace nearest;
  const hn::CappedTag<float, 16> tag;
  const hn::Rebind<std::int32_t, decltype(tag)> int_tag;
  constexpr std::size_t width = hn::MaxLanes(tag);
  auto largest = hn::Zero(int_tag);
  const auto magnitude = hn::Set(int_tag, 0x7fffffff);
  std::size_t j = 0;
  for (; j + width <= d; j += width) {
    largest = hn::Max(largest, hn::And(hn::BitCast(int_tag, hn::LoadU(tag, row + j)), magnitude));
  }
  return hn::GetLane(hn::MaxOfLanes(int_tag, largest)) < bits_of_infinity && is_finite_row_portable(row + j, d - j);
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
