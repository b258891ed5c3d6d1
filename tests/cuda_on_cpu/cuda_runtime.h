// CUDA's runtime for a machine without a GPU: kernels run on the host, one fiber for each thread.
//
// A directory with this file on the include path takes the place of CUDA's.
#pragma once

#include "cuda_on_cpu/arithmetic.h"
#include "cuda_on_cpu/atomics.h"
#include "cuda_on_cpu/runtime.h"
#include "cuda_on_cpu/warp.h"
