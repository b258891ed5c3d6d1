// round_row_to_bytes_portable of round_to_bytes.hpp on vectors. Compiled once for each instruction set; see simd_dispatch.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

/// See round_row_to_bytes_portable.
static HWY_MAYBE_UNUSED std::int32_t round_row_to_bytes(const float* row, std::size_t d, const byte_rounding& rounding,
                                                        std::int8_t* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  using value_tag = hn::CappedTag<float, 16>;
  using whole_tag = hn::Rebind<std::int32_t, value_tag>;
  using byte_tag = hn::Rebind<std::int8_t, value_tag>;
  constexpr std::size_t lanes = hn::MaxLanes(value_tag());
  const auto scale = hn::Set(value_tag(), rounding.scale), zero = hn::Set(value_tag(), rounding.zero);
  const auto lowest = hn::Set(value_tag(), rounding.lowest), highest = hn::Set(value_tag(), 127.0f);
  // Added to a small float, this leaves it rounded (halves to the even side) in the low bits, as two's complement.
  constexpr float shift = 0x1.8p23f;
  constexpr std::int32_t shift_bits = 0x4b400000;
  auto sums = hn::Zero(whole_tag());
  std::size_t j = 0;
  for (; j + lanes <= d; j += lanes) {
    const auto scaled = hn::Mul(hn::Sub(hn::LoadU(value_tag(), row + j), zero), scale);
    const auto shifted = hn::Add(hn::Min(hn::Max(scaled, lowest), highest), hn::Set(value_tag(), shift));
    const auto rounded = hn::Sub(hn::BitCast(whole_tag(), shifted), hn::Set(whole_tag(), shift_bits));
    sums = hn::Add(sums, rounded);
    // Not TruncateTo, of which Highway 1.0.3 makes something else for AVX3_DL.
    hn::StoreU(hn::DemoteTo(byte_tag(), rounded), byte_tag(), out + j);
  }
  const auto sum = hn::GetLane(hn::SumOfLanes(whole_tag(), sums));
  return sum + round_row_to_bytes_portable(row + j, d - j, rounding, out + j);
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
