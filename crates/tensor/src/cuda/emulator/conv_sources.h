// The convolutions of one PASS.
#include "../kernels/common.cuh"
#include "../kernels/gemm.cuh"
#include "../kernels/tensor_cores.cuh"
#include "../kernels/conv.cuh"
#include "../kernels/conv.cu"
#undef BK
#undef CONV
#undef PAD
