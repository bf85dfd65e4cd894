// Products of batches of matrices with any steps.

// Outputs and terms of an operand, a step apart each.
template <int BM, int BK, int THREADS, bool ALONG_TERMS> struct Strided {
    typedef Share<BM, BK, THREADS, 1, ALONG_TERMS> Tile;
    static constexpr int WIDTH = 1;
    const real* x;
    i64 outputs, output_step, term_step, first_output;

    __device__ void start(i64 m0) {
        first_output = m0;
    }

    __device__ void load(int k, int end, real (&values)[Tile::LOADS][1]) {
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            i64 m = first_output + Tile::output(i);
            int term = k + Tile::term(i);
            values[i][0] = m < outputs && term < end ? x[m * output_step + term * term_step] : (real)0;
        }
    }
};

struct ToMatrix {
    real* y;
    i64 rows, columns;

    template <int W> __device__ void put(i64 m, i64 n, const real* sums) const {
        for (int j = 0; j < W; j++) {
            if (m < rows && n + j < columns) y[m * columns + n + j] = sums[j];
        }
    }
};

KERNEL(matmul, const real* a, const real* b, real* y, i64 m, i64 n, int k, i64 a_row, i64 a_column, i64 b_row, i64 b_column, int columns) {
    Strided<64, 16, 256, true> left = {a + blockIdx.z * m * k, m, a_row, a_column, 0};
    Strided<64, 16, 256, false> right = {b + blockIdx.z * n * k, n, b_column, b_row, 0};
    ToMatrix out = {y + blockIdx.z * m * n, m, n};
    gemm<64, 64, 16, MultiplyAdd<64, 64, 16, 4, 4>>(left, right, out, (i64)(blockIdx.x / columns) * 64, (i64)(blockIdx.x % columns) * 64, 0, k);
}
