// A file that uses Highway's own dispatch beside the library's: foreach_target.h first, the library inside #if HWY_ONCE.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "noise_builds/own_dispatch.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace own {
namespace HWY_NAMESPACE {
HWY_ATTR float double_of(float x) {
  const hwy::HWY_NAMESPACE::ScalableTag<float> d;
  const auto v = hwy::HWY_NAMESPACE::Set(d, x);
  return hwy::HWY_NAMESPACE::GetLane(hwy::HWY_NAMESPACE::Add(v, v));
}
}  // namespace HWY_NAMESPACE
}  // namespace own
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#define main draw_golden_rows
#include "noise_builds/main.cpp"
#undef main
int main() { return own::HWY_STATIC_DISPATCH(double_of)(21) == 42 ? draw_golden_rows() : 2; }
#endif
