#define LOGONET_NAMESPACE baselineKernels
#define LOGONET_SET baseline
#define BLOCK 4
#include "kernels/kernels.h"
