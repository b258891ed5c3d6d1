// The costs that the library knows, by name. cost.hpp computes them on the host.
#pragma once

namespace immiscible {

/// The cost of pairing image x with noise e.
enum class cost_function {
  squared_l2,     ///< |x - e|^2: the default; summed over a batch it ranks permutations as -x.e does
  l2,             ///< |x - e|, Euclidean distance
  inner_product,  ///< -x.e
  cosine,  ///< 1 - x.e / (|x| |e|); from 0 to 2; 1 where either is zero, or so short that x.e or a squared norm underflows
  published  ///< |0.10 x - 0.10 e|, all in fp16, as in the code of Li et al. (2024)
};

}  // namespace immiscible
