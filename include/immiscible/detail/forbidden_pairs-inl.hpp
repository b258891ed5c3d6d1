// The copy without +infinity, compiled once for each instruction set (simd_foreach.hpp): legend in forbidden_pairs.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

/// What the finite costs of a row are like, each less the level of its column.
template <class Cost>
struct row_summary {
  Cost mean, most;
  bool any;  // finite cost
};

template <class Cost>
static HWY_INLINE row_summary<Cost> summary_of(const Cost* row, const Cost* level, std::size_t padded) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::CappedTag<Cost, 16> tag;
  const auto far = hn::Set(tag, std::numeric_limits<Cost>::infinity()), one = hn::Set(tag, Cost(1));
  auto sums = hn::Zero(tag), counts = sums, most = hn::Set(tag, std::numeric_limits<Cost>::lowest());
  for (std::size_t j = 0; j < padded; j += hn::MaxLanes(tag)) {
    const auto c = hn::Load(tag, row + j);
    const auto is_finite = hn::Lt(c, far);
    const auto above = hn::Sub(c, hn::Load(tag, level + j));
    sums = hn::Add(sums, hn::IfThenElseZero(is_finite, above));
    counts = hn::Add(counts, hn::IfThenElseZero(is_finite, one));
    most = hn::IfThenElse(is_finite, hn::Max(most, above), most);
  }
  const Cost count = hn::GetLane(hn::SumOfLanes(tag, counts));
  return {hn::GetLane(hn::SumOfLanes(tag, sums)) / std::max(count, Cost(1)), hn::GetLane(hn::MaxOfLanes(tag, most)),
          count > 0};
}

/// @return  false: no cost is finite, or their sums overflow (what is no number is never the most)
template <class Cost>
static bool write_stand_ins_simd(const batch<Cost>& cost, forbidden_workspace<Cost>& work) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::CappedTag<Cost, 16> tag;
  constexpr std::size_t lanes = hn::MaxLanes(tag);
  constexpr Cost infinity = std::numeric_limits<Cost>::infinity(), lowest = std::numeric_limits<Cost>::lowest();
  const std::size_t n = cost.rows(), m = cost.columns(), padded = (m + 15) / 16 * 16;
  work.finite.resize(n * padded);
  work.row_level.resize(n);
  for (auto* column : {&work.no_level, &work.column_level, &work.column_count}) column->assign(padded, Cost(0));
  Cost* const level = work.column_level.data();
  Cost* const count = work.column_count.data();
  const auto far = hn::Set(tag, infinity), one = hn::Set(tag, Cost(1));

  // A copy, the padding forbidden. Levels of columns, each cost less the mean of its row.
  for (std::size_t i = 0; i < n; ++i) {
    Cost* const row = work.finite.data() + i * padded;
    std::copy_n(cost.row(i), m, row);
    std::fill(row + m, row + padded, infinity);
    const auto mean = hn::Set(tag, summary_of(row, work.no_level.data(), padded).mean);
    for (std::size_t j = 0; j < padded; j += lanes) {
      const auto c = hn::Load(tag, row + j);
      const auto is_finite = hn::Lt(c, far);
      const auto above = hn::IfThenElseZero(is_finite, hn::Sub(c, mean));
      hn::Store(hn::Add(hn::Load(tag, level + j), above), tag, level + j);
      hn::Store(hn::Add(hn::Load(tag, count + j), hn::IfThenElseZero(is_finite, one)), tag, count + j);
    }
  }
  for (std::size_t j = 0; j < padded; ++j) level[j] /= std::max(count[j], Cost(1));

  // Levels of rows.
  Cost most = lowest;  // t
  for (std::size_t i = 0; i < n; ++i) {
    const auto above = summary_of(work.finite.data() + i * padded, level, padded);
    work.row_level[i] = above.mean;
    if (above.any) most = std::max(most, above.most - above.mean);
  }
  // Beside a spread as small as the least normal numbers what stands in would dwarf all costs, and tolerances are relative to the largest.
  if (most == lowest || (most > 0 && most <= std::numeric_limits<Cost>::min() * 8)) return false;

  // Up to a multiple of an eighth to a quarter of t: among small integers what stands in is one too, and does not pass for a real number.
  const Cost grain = most > std::numeric_limits<Cost>::min() * 8 ? std::ldexp(Cost(1), std::ilogb(most) - 2) : Cost(1);
  const auto unit = hn::Set(tag, grain), units = hn::Set(tag, 1 / grain);
  for (std::size_t i = 0; i < n; ++i) {
    Cost* const row = work.finite.data() + i * padded;
    const auto dear = hn::Set(tag, work.row_level[i] + most);
    for (std::size_t j = 0; j < padded; j += lanes) {
      const auto c = hn::Load(tag, row + j);
      const auto stand_in = hn::Mul(unit, hn::Ceil(hn::Mul(units, hn::Add(hn::Load(tag, level + j), dear))));
      hn::Store(hn::IfThenElse(hn::Lt(c, far), c, stand_in), tag, row + j);
    }
  }
  return true;
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
