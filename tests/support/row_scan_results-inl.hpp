// What row_scan makes of a row, compiled once for each instruction set (simd_foreach.hpp): for row_scan.cpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

static tests::row_scan_results row_scan_results_simd(const std::int16_t* row, std::size_t length) {
  const row_tag tag;
  row_scan scan;
  auto index = hn::Zero(tag);
  for (std::size_t j = 0; j < length; j += row_lanes) {
    scan.take(hn::LoadU(tag, row + j), index);
    index = hn::Add(index, hn::Set(tag, 1));
  }
  const two_least_of_row two = scan.two_least();
  return {two.best, two.second, two.column, scan.least(), scan.column_of(two.best)};
}

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
