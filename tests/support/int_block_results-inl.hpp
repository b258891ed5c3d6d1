// What int_block makes of some values, compiled once for each instruction set (simd_foreach.hpp): for int_block.cpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

static tests::int_block_results int_block_results_simd(const tests::int_block_values& v) {
  const int_block a = int_block::load(v.a), b = int_block::load(v.b);
  tests::int_block_results r{};
  (a + b).store(r.plus);
  (a - b).store(r.minus);
  min(a, b).store(r.less);
  int_block::all(v.bound).store(r.all);
  int_block::look_up(v.table, v.index).store(r.looked_up);
  r.least = a.least();
  r.sum = a.sum();
  r.kept = a.compress_at_most(v.bound, b, r.compressed);
  const int_block::tag tag;
  two_least_lanes<int_block::tag> lanes{a.part[0], hn::Set(tag, std::numeric_limits<std::int32_t>::max())};
  for (std::size_t k = 1; k < int_block::parts; ++k) lanes.take({a.part[k], lanes.second});
  const auto two = two_least_of(tag, lanes);
  r.best = hn::GetLane(two.best);
  r.second = hn::GetLane(two.second);
  return r;
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
