// Scans of rows of int16 for their two least values; compiled once for each instruction set (simd_foreach.hpp).

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using row_tag = hn::CappedTag<std::int16_t, row_block>;
using row_vector = hn::Vec<row_tag>;
constexpr std::size_t row_lanes = hn::MaxLanes(row_tag());

/// The least of all lanes.
template <class Tag>
static HWY_INLINE std::int32_t least_lane(Tag tag, hn::Vec<Tag> v) {
  if constexpr (hn::MaxLanes(Tag()) > 8) {
    const hn::Half<Tag> half;
    return least_lane(half, hn::Min(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    const hn::RebindToUnsigned<Tag> bits;  // for which processors have an instruction
    static_cast<void>(tag);
    const auto ordered = hn::Xor(hn::BitCast(bits, v), hn::Set(bits, 0x8000));
    return static_cast<std::int32_t>(hn::GetLane(hn::MinOfLanes(bits, ordered))) - 32768;
  }
}

/// The two least values of a row, and the column of the least: the lowest one among equals.
struct two_least_of_row {
  std::int32_t best, second, column;
};

/// A scan of a row: what each lane has seen so far.
struct row_scan {
  row_vector best, second, where;  // `where`: which vector of the row the best came from

  HWY_INLINE row_scan()
      : best(hn::Set(row_tag(), row_far)), second(hn::Set(row_tag(), row_far)), where(hn::Zero(row_tag())) {}

  HWY_INLINE void take(row_vector values, row_vector index) {
    second = hn::Min(second, hn::Max(best, values));
    where = hn::IfThenElse(hn::Lt(values, best), index, where);
    best = hn::Min(best, values);
  }

  HWY_INLINE std::int32_t least() const { return least_lane(row_tag(), best); }

  /// Where the value `least` stands.
  HWY_INLINE std::int32_t column_of(std::int32_t least) const {
    const row_tag tag;
    alignas(64) std::int16_t vectors[row_lanes];
    hn::Store(where, tag, vectors);
    const auto equal = hn::Eq(best, hn::Set(tag, static_cast<std::int16_t>(least)));
    const auto first = static_cast<std::size_t>(hn::FindFirstTrue(tag, equal));
    std::int32_t column = place(vectors[first], first);
    if (HWY_LIKELY(hn::CountTrue(tag, equal) == 1)) return column;
    alignas(64) std::int16_t values[row_lanes];
    hn::Store(best, tag, values);
    for (std::size_t lane = first + 1; lane < row_lanes; ++lane) {
      if (values[lane] == least) column = std::min(column, place(vectors[lane], lane));
    }
    return column;
  }

  HWY_INLINE two_least_of_row two_least() const {
    const row_tag tag;
    two_least_of_row found;
    found.best = least();
    found.column = column_of(found.best);
    const auto equal = hn::Eq(best, hn::Set(tag, static_cast<std::int16_t>(found.best)));
    const auto others = hn::Min(second, hn::IfThenElse(equal, hn::Set(tag, row_far), best));
    found.second = HWY_LIKELY(hn::CountTrue(tag, equal) == 1) ? least_lane(tag, others) : found.best;
    return found;
  }

 private:
  static std::int32_t place(std::int16_t vector, std::size_t lane) {
    return static_cast<std::int32_t>(static_cast<std::size_t>(vector) * row_lanes + lane);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
