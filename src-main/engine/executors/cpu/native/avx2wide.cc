// Blocks of sixteen lanes on a CPU that has AVX2 only: the layout that avx512 computes in, for tests on machines without it.
#define LOGONET_NAMESPACE avx2wideKernels
#define LOGONET_SET avx2wide
#define BLOCK 16
#include "kernels/kernels.h"
