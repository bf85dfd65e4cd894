// The programs that compute in REAL bits, as kernels.rs puts them together, each in a namespace of its own.
namespace elementwise {
#define PROGRAM "elementwise"
#include "../kernels/common.cuh"
#include "../kernels/functions.cuh"
#include "../kernels/walk.cuh"
#include "../kernels/elementwise.cu"
#undef PROGRAM
}
namespace typed {
#define PROGRAM "typed"
#include "../kernels/common.cuh"
#include "../kernels/walk.cuh"
#include "../kernels/typed.cu"
#undef PROGRAM
}
namespace reduce {
#define PROGRAM "reduce"
#include "../kernels/common.cuh"
#include "../kernels/walk.cuh"
#include "../kernels/reduce.cu"
#undef PROGRAM
}
namespace rows {
#define PROGRAM "rows"
#include "../kernels/common.cuh"
#include "../kernels/rows.cu"
#undef PROGRAM
}
namespace batch_norm {
#define PROGRAM "batch_norm"
#include "../kernels/common.cuh"
#include "../kernels/batch_norm.cu"
#undef PROGRAM
}
namespace pool {
#define PROGRAM "pool"
#include "../kernels/common.cuh"
#include "../kernels/pool.cu"
#undef PROGRAM
}
namespace conv_direct {
#define PROGRAM "conv_direct"
#include "../kernels/common.cuh"
#include "../kernels/conv.cuh"
#include "../kernels/conv_direct.cu"
#undef PROGRAM
}
namespace matmul {
#define PROGRAM "matmul"
#include "../kernels/common.cuh"
#include "../kernels/gemm.cuh"
#include "../kernels/matmul.cu"
#undef PAD
#undef PROGRAM
}
namespace conv_forward {
#define PROGRAM "conv_forward"
#define PASS 1
#include "conv_sources.h"
#undef PASS
#undef PROGRAM
}
namespace conv_grad_input {
#define PROGRAM "conv_grad_input"
#define PASS 2
#include "conv_sources.h"
#undef PASS
#undef PROGRAM
}
namespace conv_grad_weight {
#define PROGRAM "conv_grad_weight"
#define PASS 3
#include "conv_sources.h"
#undef PASS
#undef PROGRAM
}
#if REAL == 32
#define TENSOR_CORES
namespace conv_forward_tensor_cores {
#define PROGRAM "conv_forward_tensor_cores"
#define PASS 1
#include "conv_sources.h"
#undef PASS
#undef PROGRAM
}
namespace conv_grad_input_tensor_cores {
#define PROGRAM "conv_grad_input_tensor_cores"
#define PASS 2
#include "conv_sources.h"
#undef PASS
#undef PROGRAM
}
namespace conv_grad_weight_tensor_cores {
#define PROGRAM "conv_grad_weight_tensor_cores"
#define PASS 3
#include "conv_sources.h"
#undef PASS
#undef PROGRAM
}
#undef TENSOR_CORES
#endif
