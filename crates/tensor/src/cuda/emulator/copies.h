// The copies of elements of ELEM bytes.
#include "../kernels/common.cuh"
#include "../kernels/walk.cuh"
#include "../kernels/copy.cu"
