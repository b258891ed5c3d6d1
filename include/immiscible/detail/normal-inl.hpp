// Rows of normal values, 4, 8 or 16 blocks at a time: normal_row_portable of normal_transform.hpp, operation by operation,
// and so bit by bit. Compiled once for each instruction set; see simd_dispatch.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {
namespace normal {

namespace hn = hwy::HWY_NAMESPACE;

using float_tag = hn::CappedTag<float, 16>;
using int_tag = hn::Rebind<std::int32_t, float_tag>;
using word_tag = hn::Rebind<std::uint32_t, float_tag>;
using wide_tag = hn::Repartition<std::uint64_t, word_tag>;
using floats = hn::Vec<float_tag>;
using ints = hn::Vec<int_tag>;
using words = hn::Vec<word_tag>;
using wides = hn::Vec<wide_tag>;  // one 32-bit word in the low half of each lane; the high half is never looked at
constexpr std::size_t lanes = HWY_LANES(float) < 16 ? HWY_LANES(float) : 16;

/// `x`, hidden from the optimiser: see `kept` in normal_transform.hpp.
HWY_INLINE floats kept(floats x) {
#if HWY_ARCH_X86
  asm("" : "+v"(x.raw));
#else
  asm("" : "+w"(x.raw));
#endif
  return x;
}

HWY_INLINE floats product(floats a, floats b) { return kept(hn::Mul(a, b)); }
HWY_INLINE floats sum(floats a, floats b) { return kept(hn::Add(a, b)); }
HWY_INLINE floats constant(float x) { return hn::Set(float_tag(), x); }
HWY_INLINE words word_constant(std::uint32_t x) { return hn::Set(word_tag(), x); }

/// a b + c, rounded twice.
HWY_INLINE floats product_sum(floats a, floats b, float c) { return sum(product(a, b), constant(c)); }

HWY_INLINE floats root(floats x) {
  floats y;
#if HWY_ARCH_X86 && HWY_CAP_GE256
  asm("{vsqrtps %1, %0|vsqrtps %0, %1}" : "=v"(y.raw) : "v"(x.raw));
#elif HWY_ARCH_X86
  asm("{sqrtps %1, %0|sqrtps %0, %1}" : "=x"(y.raw) : "x"(x.raw));
#else
  asm("fsqrt %0.4s, %1.4s" : "=w"(y.raw) : "w"(x.raw));
#endif
  return y;
}

HWY_INLINE floats as_floats(words x) { return hn::BitCast(float_tag(), x); }
HWY_INLINE words as_words(floats x) { return hn::BitCast(word_tag(), x); }
HWY_INLINE floats float_of_int(words x) { return hn::ConvertTo(float_tag(), hn::BitCast(int_tag(), x)); }

HWY_INLINE floats radius(words word) {
  using c = normal_constants;
  const floats scaled = sum(float_of_int(hn::ShiftRight<1>(word)), constant(0.5f));
  const words split = hn::Sub(as_words(scaled), word_constant(c::split));
  const floats e = hn::ConvertTo(float_tag(), hn::ShiftRight<23>(hn::BitCast(int_tag(), split)));
  const words mantissa = hn::And(split, word_constant(c::mantissa));
  const floats g = sum(as_floats(hn::Add(mantissa, word_constant(c::minus_two_m))), constant(2.0f));
  const floats g2 = product(g, g);
  floats even = product_sum(constant(c::log_6), g2, c::log_4);
  floats odd = product_sum(constant(c::log_7), g2, c::log_5);
  even = product_sum(even, g2, c::log_2);
  odd = product_sum(odd, g2, c::log_3);
  even = product_sum(even, g2, c::log_0);
  odd = product_sum(odd, g2, c::log_1);
  const floats r = sum(product(odd, g), even);
  const floats minus_two_ln_m = sum(product(r, g2), g);
  return root(sum(product(e, constant(c::minus_two_ln_2)), minus_two_ln_m));
}

HWY_INLINE floats sine_of_quarter_turns(floats t) {
  using c = normal_constants;
  const floats t2 = product(t, t);
  floats s = product_sum(constant(c::sin_4), t2, c::sin_3);
  s = product_sum(s, t2, c::sin_2);
  s = product_sum(s, t2, c::sin_1);
  s = product_sum(s, t2, c::sin_0);
  return sum(product(s, t), t);
}

HWY_INLINE void store_pairs(words word_0, words word_1, float* first, float* second) {
  const words sign = word_constant(0x80000000u);
  const floats r = radius(word_0);
  const words angle = hn::Or(hn::ShiftLeft<1>(word_1), word_constant(1u));
  const floats t = product(float_of_int(angle), constant(normal_constants::to_unit));
  const floats rest = kept(hn::Sub(constant(1.0f), as_floats(hn::AndNot(sign, as_words(t)))));
  const words cosine = hn::Xor(as_words(sine_of_quarter_turns(rest)), hn::And(word_1, sign));
  hn::StoreU(product(r, sine_of_quarter_turns(t)), float_tag(), first);
  hn::StoreU(product(r, as_floats(cosine)), float_tag(), second);
}

/// The low words of a product of low words, and their high words; both in the low halves.
struct wide_product {
  wides low, high;
};
HWY_INLINE wide_product multiply(wides a, wides multiplier) {
  const wides p = hn::MulEven(hn::BitCast(word_tag(), a), hn::BitCast(word_tag(), multiplier));
  return {p, hn::ShiftRight<32>(p)};
}

HWY_INLINE wides wide_constant(std::uint32_t x) { return hn::Set(wide_tag(), std::uint64_t{x}); }

/// What is the same for every block of a row: the first two rounds, as far as no block takes part, and the keys.
struct row_state {
  std::uint32_t mask_1;                  // round 1: word 2 becomes high(M0 block) ^ mask_1
  std::uint32_t mask_2, mask_3, word_3;  // round 2: words 0 and 2, and word 3 after it
  std::uint32_t key_0[philox_rounds], key_1[philox_rounds];
};

static HWY_MAYBE_UNUSED row_state prepare_row(std::uint64_t seed, std::uint64_t step, std::uint64_t index) {
  const philox_words counter = philox_counter(philox_stream::rows, step, index, 0);
  row_state row;
  for (std::uint32_t round = 0; round < philox_rounds; ++round) {
    row.key_0[round] = static_cast<std::uint32_t>(seed) + round * philox_weyl_0;
    row.key_1[round] = static_cast<std::uint32_t>(seed >> 32) + round * philox_weyl_1;
  }
  const std::uint64_t p1 = std::uint64_t{philox_multiplier_1} * counter.word[2];
  const std::uint32_t word_0 = static_cast<std::uint32_t>(p1 >> 32) ^ counter.word[1] ^ row.key_0[0];
  row.mask_1 = counter.word[3] ^ row.key_1[0];
  const std::uint64_t p0 = std::uint64_t{philox_multiplier_0} * word_0;
  row.mask_2 = static_cast<std::uint32_t>(p1) ^ row.key_0[1];
  row.mask_3 = static_cast<std::uint32_t>(p0 >> 32) ^ row.key_1[1];
  row.word_3 = static_cast<std::uint32_t>(p0);
  return row;
}

/// The four words of the blocks whose numbers stand in `block`.
struct wide_words {
  wides word_0, word_1, word_2, word_3;
};
HWY_INLINE wide_words draw(const row_state& row, wides block) {
  const wides m0 = wide_constant(philox_multiplier_0), m1 = wide_constant(philox_multiplier_1);
  // Round 1: words 0 and 1 come out the same in every block.
  const wide_product p = multiply(block, m0);
  const wides word_2 = hn::Xor(p.high, wide_constant(row.mask_1));
  // Round 2: so word 3, and half of word 2.
  const wide_product q = multiply(word_2, m1);
  wide_words x = {hn::Xor(q.high, wide_constant(row.mask_2)), q.low, hn::Xor(p.low, wide_constant(row.mask_3)),
                  wide_constant(row.word_3)};
#pragma GCC unroll 8  // 0.92 -> 0.78 ns a value on AVX-512 at -O2
  for (int round = 2; round < philox_rounds; ++round) {
    const wide_product p0 = multiply(x.word_0, m0), p1 = multiply(x.word_2, m1);
    x = {hn::Xor(p1.high, hn::Xor(x.word_1, wide_constant(row.key_0[round]))), p1.low,
         hn::Xor(p0.high, hn::Xor(x.word_3, wide_constant(row.key_1[round]))), p0.low};
  }
  return x;
}

/// Lane 2 i from lane i of `even`, lane 2 i + 1 from lane i of `odd`.
HWY_INLINE words interleaved(wides even, wides odd) {
  return hn::OddEven(hn::BitCast(word_tag(), hn::ShiftLeft<32>(odd)), hn::BitCast(word_tag(), even));
}

/// The 64 values of group `group`.
HWY_INLINE void store_group(const row_state& row, std::uint32_t group, float* out) {
  const wides even_lanes = hn::ShiftLeft<1>(hn::Iota(wide_tag(), 0));
  for (std::size_t b = 0; b < normal_group_blocks; b += lanes) {
    const auto first = static_cast<std::uint32_t>(std::size_t{group} * normal_group_blocks + b);
    const wide_words even = draw(row, hn::Add(even_lanes, wide_constant(first)));
    const wide_words odd = draw(row, hn::Add(even_lanes, wide_constant(first + 1)));
    store_pairs(interleaved(even.word_0, odd.word_0), interleaved(even.word_1, odd.word_1), out + b, out + 16 + b);
    store_pairs(interleaved(even.word_2, odd.word_2), interleaved(even.word_3, odd.word_3), out + 32 + b, out + 48 + b);
  }
}

}  // namespace normal

/// See normal_row_portable.
static HWY_MAYBE_UNUSED void normal_row(std::uint64_t seed, std::uint64_t step, std::uint64_t index, std::size_t d,
                                        float* out) {
  const normal::row_state row = normal::prepare_row(seed, step, index);
  const std::size_t full = d / normal_group;
  for (std::size_t group = 0; group < full; ++group) {
    normal::store_group(row, static_cast<std::uint32_t>(group), out + group * normal_group);
  }
  if (full * normal_group < d) {
    float rest[normal_group];
    normal::store_group(row, static_cast<std::uint32_t>(full), rest);
    std::memcpy(out + full * normal_group, rest, (d - full * normal_group) * sizeof(float));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
