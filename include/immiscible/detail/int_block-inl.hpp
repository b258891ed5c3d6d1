// 16 int32 values at a time, for any width of vector; compiled once for each instruction set (simd_foreach.hpp).
//
// GCC at -O2 leaves loops over the parts as loops, and so the parts in memory: hence the pragmas here and in the files that follow
// (on AVX2 a whole solve takes 1.15 to 1.3 times as long without them).

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t list_block = 16;
static_assert(list_block == float_block, "vectors of floats become vectors of integers");

/// 16 int32 values in as many vectors as the processor needs for them.
struct int_block {
  using tag = hn::CappedTag<std::int32_t, list_block>;
  using vector = hn::Vec<tag>;
  static constexpr std::size_t lanes = hn::MaxLanes(tag());
  static constexpr std::size_t parts = list_block / lanes;

  vector part[parts];

  HWY_INLINE int_block() {}  // the implicit one has no target attributes with GCC on ARM

  static HWY_INLINE int_block load(const std::int32_t* from) {
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < parts; ++k) b.part[k] = hn::LoadU(tag(), from + k * lanes);
    return b;
  }
  static HWY_INLINE int_block all(std::int32_t value) {
    int_block b;
#pragma GCC unroll 4
    for (auto& p : b.part) p = hn::Set(tag(), value);
    return b;
  }
  /// table[index] for 16 indices: scalar loads and interleaving, which beat gather instructions where those are slow.
  static HWY_INLINE int_block look_up(const std::int32_t* table, const std::int32_t* index) {
    int_block b;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < parts; ++k) b.part[k] = look_up_lanes(tag(), table, index + k * lanes);
    return b;
  }
  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> look_up_lanes(Tag wide, const std::int32_t* table, const std::int32_t* index) {
    if constexpr (hn::MaxLanes(Tag()) > 4) {
      const hn::Half<Tag> narrow;
      const auto low = look_up_lanes(narrow, table, index);
      return hn::Combine(wide, look_up_lanes(narrow, table, index + hn::MaxLanes(narrow)), low);
    } else {
      const hn::Repartition<std::int64_t, Tag> pair;
      const auto even = look_up_two(wide, table, index), odd = look_up_two(wide, table, index + 2);
      return hn::BitCast(wide, hn::InterleaveLower(pair, hn::BitCast(pair, even), hn::BitCast(pair, odd)));
    }
  }
  /// In the lowest two lanes; both indices come with one load (little-endian, as all these targets are), for loads are the limit.
  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> look_up_two(Tag wide, const std::int32_t* table, const std::int32_t* index) {
    std::uint64_t both;
    std::memcpy(&both, index, sizeof both);
    const auto first = static_cast<std::uint32_t>(both), second = static_cast<std::uint32_t>(both >> 32);
    return hn::InterleaveLower(wide, hn::Set(wide, table[first]), hn::Set(wide, table[second]));
  }
  HWY_INLINE void store(std::int32_t* to) const {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < parts; ++k) hn::StoreU(part[k], tag(), to + k * lanes);
  }
  HWY_INLINE std::int32_t least() const {
    vector m = part[0];
#pragma GCC unroll 4
    for (std::size_t k = 1; k < parts; ++k) m = hn::Min(m, part[k]);
    return hn::GetLane(hn::MinOfLanes(tag(), m));
  }
  HWY_INLINE std::int32_t sum() const {
    vector s = part[0];
#pragma GCC unroll 4
    for (std::size_t k = 1; k < parts; ++k) s = hn::Add(s, part[k]);
    return hn::GetLane(hn::SumOfLanes(tag(), s));
  }
  /// The lanes to keep, moved to the front. Not Highway's function where that goes by a table: GCC copies the table to the stack
  /// at every call.
  static HWY_INLINE vector compressed(vector values, hn::Mask<tag> keep) {
    if constexpr (lanes > 8) {
      return hn::Compress(values, keep);
    } else {
      std::uint8_t bits[8];
      hn::StoreMaskBits(tag(), keep, bits);
      const hn::Rebind<std::uint8_t, tag> bytes;
      const auto order = hn::PromoteTo(tag(), hn::LoadU(bytes, kept_lanes.order[bits[0]]));
      return hn::TableLookupLanes(values, hn::IndicesFromVec(tag(), order));
    }
  }
  /// Writes those of `values` whose place here is <= bound, one after the other, and returns how many; up to 16 values
  /// behind the last are overwritten.
  HWY_INLINE std::size_t compress_at_most(std::int32_t bound, const int_block& values, std::int32_t* to) const {
    std::size_t count = 0;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < parts; ++k) {
      const auto keep = hn::Lt(part[k], hn::Set(tag(), bound + 1));
      hn::StoreU(compressed(values.part[k], keep), tag(), to + count);
      count += hn::CountTrue(tag(), keep);
    }
    return count;
  }
};

/// The two least of some vectors, lane by lane.
template <class Tag>
struct two_least_lanes {
  hn::Vec<Tag> best, second;

  HWY_INLINE void take(const two_least_lanes& other) {
    second = hn::Min(hn::Min(second, other.second), hn::Max(best, other.best));
    best = hn::Min(best, other.best);
  }
};

/// The two least of all lanes, in every lane.
template <class Tag>
static HWY_INLINE two_least_lanes<hn::CappedTag<std::int32_t, 4>> two_least_of(Tag tag, two_least_lanes<Tag> v) {
  static_assert(hn::MaxLanes(Tag()) >= 4, "vectors of four values at least");
  if constexpr (hn::MaxLanes(Tag()) > 4) {
    const hn::Half<Tag> half;
    two_least_lanes<hn::Half<Tag>> low{hn::LowerHalf(half, v.best), hn::LowerHalf(half, v.second)};
    low.take({hn::UpperHalf(half, v.best), hn::UpperHalf(half, v.second)});
    return two_least_of(half, low);
  } else {
    v.take({hn::Shuffle1032(v.best), hn::Shuffle1032(v.second)});
    v.take({hn::Shuffle2301(v.best), hn::Shuffle2301(v.second)});
    static_cast<void>(tag);
    return v;
  }
}

static HWY_INLINE int_block operator-(const int_block& a, const int_block& b) {
  int_block c;
#pragma GCC unroll 4
  for (std::size_t k = 0; k < int_block::parts; ++k) c.part[k] = hn::Sub(a.part[k], b.part[k]);
  return c;
}
static HWY_INLINE int_block operator+(const int_block& a, const int_block& b) {
  int_block c;
#pragma GCC unroll 4
  for (std::size_t k = 0; k < int_block::parts; ++k) c.part[k] = hn::Add(a.part[k], b.part[k]);
  return c;
}
static HWY_INLINE int_block min(const int_block& a, const int_block& b) {
  int_block c;
#pragma GCC unroll 4
  for (std::size_t k = 0; k < int_block::parts; ++k) c.part[k] = hn::Min(a.part[k], b.part[k]);
  return c;
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
