// The mark of functions that run alike on the CPU and in CUDA kernels. Empty for compilers without CUDA.
#pragma once

#if defined(__CUDACC__)
#define IMMISCIBLE_HOST_DEVICE __host__ __device__
#else
#define IMMISCIBLE_HOST_DEVICE
#endif
