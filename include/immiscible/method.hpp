// The ways in which images get their noise; the same on the CPU and on the device.
#pragma once

namespace immiscible {

/// How images get their noise.
enum class method {
  exact,          ///< least total cost, proved (linear assignment)
  auction,        ///< within a tolerance of the least total cost, with the gap
  greedy,         ///< nearest pair of all first
  greedy_by_row,  ///< image after image, the nearest noise left
  nearest,        ///< nearest of k candidates of the image's own: noise is [n k, d]
  drawn_nearest,  ///< noise drawn with the law of the nearest of k, at the price of one: noise_matcher only
  none            ///< image i gets noise i: vanilla training
};

}  // namespace immiscible
