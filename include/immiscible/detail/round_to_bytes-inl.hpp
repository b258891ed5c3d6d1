// round_row_to_bytes_portable of round_to_bytes.hpp on vectors. Compiled once for each instruction set; see simd_dispatch.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
namespace detail {
namespace HWY_NAMESPACE {

/// See round_row_to_bytes_portable.
static HWY_MAYBE_UNUSED std::int32_t round_row_to_bytes(const float* row, std::size_t d, const byte_rounding& rounding,
                                                        std::int8_t* out) {
  namespace hn = hwy::HWY_NAMESPACE;
  using value_tag = hn::CappedTag<float, 16>;
  using whole_tag = hn::Rebind<std::uint32_t, value_tag>;
  using byte_tag = hn::Rebind<std::uint8_t, value_tag>;
  constexpr std::size_t lanes = hn::MaxLanes(value_tag());
  const auto scale = hn::Set(value_tag(), rounding.scale), zero = hn::Set(value_tag(), rounding.zero);
  const auto lowest = hn::Set(value_tag(), rounding.lowest), highest = hn::Set(value_tag(), 127.0f);
  // Added to a small float, this leaves it rounded (halves to the even side) in the low bits, as two's complement.
  constexpr float shift = 0x1.8p23f;
  constexpr std::uint32_t shift_bits = 0x4b400000;
  auto* const to = reinterpret_cast<std::uint8_t*>(out);
  auto sums = hn::Zero(whole_tag());
  std::size_t j = 0;
  for (; j + lanes <= d; j += lanes) {
    const auto scaled = hn::Mul(hn::Sub(hn::LoadU(value_tag(), row + j), zero), scale);
    const auto shifted = hn::Add(hn::Min(hn::Max(scaled, lowest), highest), hn::Set(value_tag(), shift));
    const auto rounded = hn::BitCast(whole_tag(), shifted);
    sums = hn::Add(sums, rounded);  // modulo 2^32
    hn::StoreU(hn::TruncateTo(byte_tag(), rounded), byte_tag(), to + j);
  }
  // The shifts go lane by lane: what is left is small, so the sum over the lanes cannot overflow.
  sums = hn::Sub(sums, hn::Set(whole_tag(), static_cast<std::uint32_t>(j / lanes) * shift_bits));
  const auto sum = static_cast<std::int32_t>(hn::GetLane(hn::SumOfLanes(whole_tag(), sums)));
  return sum + round_row_to_bytes_portable(row + j, d - j, rounding, out + j);
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
