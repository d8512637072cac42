#define LOGONET_NAMESPACE avx512Kernels
#define LOGONET_SET avx512
#define BLOCK 16
#include "kernels/kernels.h"
