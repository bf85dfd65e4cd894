// Products of numbers with at most 10 bits behind the point, summed in f32, on tensor cores (from compute capability 8.0 on). Each warp has
// WM x WN sums, in squares of 16 x 8.

#ifndef EMULATED
// sums += a b for a of 16 x 8 and b of 8 x 8 numbers, dealt out to the threads of a warp as the PTX manual says of mma.m16n8k8.
__device__ inline void mma(float (&sums)[4], const float (&a)[4], const float (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])),
                   "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
#endif
}
#endif

template <int BM, int BN, int BK, int WM, int WN> struct TensorCores {
    static constexpr int THREADS = 32 * (BM / WM) * (BN / WN);
    static constexpr int ROWS = WM / 16, COLUMNS = WN / 8;
    real sums[ROWS][COLUMNS][4];

    __device__ TensorCores() {
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) {
#pragma unroll
                for (int k = 0; k < 4; k++) sums[i][j][k] = 0;
            }
        }
    }

    // Where the warp's sums begin, and the thread's place in each square.
    __device__ static int warp_row() {
        return threadIdx.x / 32 / (BN / WN) * WM + threadIdx.x % 32 / 4;
    }
    __device__ static int warp_column() {
        return threadIdx.x / 32 % (BN / WN) * WN;
    }

    __device__ void add(const real (&a)[BK][BM + PAD], const real (&b)[BK][BN + PAD]) {
        const int m = warp_row(), n = warp_column() + threadIdx.x % 32 / 4, t = threadIdx.x % 4;
#pragma unroll
        for (int k = 0; k < BK; k += 8) {
            real x[ROWS][4], y[COLUMNS][2];
#pragma unroll
            for (int i = 0; i < ROWS; i++) {
                x[i][0] = a[k + t][m + i * 16];
                x[i][1] = a[k + t][m + i * 16 + 8];
                x[i][2] = a[k + t + 4][m + i * 16];
                x[i][3] = a[k + t + 4][m + i * 16 + 8];
            }
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) {
                y[j][0] = b[k + t][n + j * 8];
                y[j][1] = b[k + t + 4][n + j * 8];
            }
#pragma unroll
            for (int i = 0; i < ROWS; i++) {
#pragma unroll
                for (int j = 0; j < COLUMNS; j++) mma(sums[i][j], x[i], y[j]);
            }
        }
    }

    template <class Out> __device__ void put(const Out& out, i64 m0, i64 n0) const {
        m0 += warp_row();
        n0 += warp_column() + threadIdx.x % 4 * 2;
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) {
                out.template put<2>(m0 + i * 16, n0 + j * 8, &sums[i][j][0]);
                out.template put<2>(m0 + i * 16 + 8, n0 + j * 8, &sums[i][j][2]);
            }
        }
    }
};
