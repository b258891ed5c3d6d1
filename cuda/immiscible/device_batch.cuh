// Views of device memory: the twin of batch.hpp, whose `matrix_view` carries the memory space in its type.
#pragma once

#include <immiscible/batch.hpp>

namespace immiscible {

/// Samples [n, d] in device memory that a function only reads; row-major, rows `stride` elements apart.
template <class Scalar>
using device_batch = matrix_view<const Scalar, memory_space::device>;

/// A matrix [rows, columns] in device memory that a function writes.
template <class Scalar>
using device_matrix = matrix_view<Scalar, memory_space::device>;

}  // namespace immiscible
