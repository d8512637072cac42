#define LOGONET_NAMESPACE avx2Kernels
#define LOGONET_SET avx2
#define BLOCK 8
#include "kernels/kernels.h"
