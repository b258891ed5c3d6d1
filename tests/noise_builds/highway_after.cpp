// A file that uses Highway, its extras included, after the library's headers.
#define main draw_golden_rows
#include "noise_builds/main.cpp"
#undef main

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace own {
namespace HWY_NAMESPACE {
HWY_ATTR float exp_of(float x) {
  const hwy::HWY_NAMESPACE::ScalableTag<float> d;
  return hwy::HWY_NAMESPACE::GetLane(hwy::HWY_NAMESPACE::Exp(d, hwy::HWY_NAMESPACE::Set(d, x)));
}
}  // namespace HWY_NAMESPACE
}  // namespace own
HWY_AFTER_NAMESPACE();

int main() { return std::abs(own::HWY_STATIC_DISPATCH(exp_of)(1) - 2.7182818f) < 1e-5f ? draw_golden_rows() : 2; }
