// A matrix product in tiles: each block computes BM x BN sums from operands that it brings piece by piece, BK terms long, into shared
// memory. While one piece is multiplied the next is read.

// V numbers from memory that is aligned for them.
template <int V> __device__ inline void load(const real* from, real* to) {
    if (V == 4) {
        real4 four = *(const real4*)from;
        for (int i = 0; i < V; i++) to[i] = four.v[i % 4];
    } else {
        to[0] = *from;
    }
}

// Tiles in shared memory have rows of one term, a little longer than they need, so that threads meet different banks: those of a warp that
// read for tensor cores, or those that write four terms each.
#ifdef TENSOR_CORES
#define PAD 8
#else
#define PAD 4
#endif

// How a thread brings its share of an operand's tile, `WIDTH` outputs by BK terms: V neighbours at once, along the terms or along the
// outputs, as the operand lies in memory.
template <int WIDTH, int BK, int THREADS, int V, bool ALONG_TERMS> struct Share {
    static constexpr int LOADS = WIDTH * BK / V / THREADS;
    static constexpr int PER_LINE = (ALONG_TERMS ? BK : WIDTH) / V;
    static_assert(LOADS >= 1 && THREADS % PER_LINE == 0, "a thread's loads lie in one column of the tile");

    // The output and the term of load i.
    __device__ static int output(int i) {
        int at = threadIdx.x + i * THREADS;
        return ALONG_TERMS ? at / PER_LINE : at % PER_LINE * V;
    }
    __device__ static int term(int i) {
        int at = threadIdx.x + i * THREADS;
        return ALONG_TERMS ? at % PER_LINE * V : at / PER_LINE;
    }

    __device__ static void put(real tile[BK][WIDTH + PAD], const real (&values)[LOADS][V]) {
#pragma unroll
        for (int i = 0; i < LOADS; i++) {
#pragma unroll
            for (int v = 0; v < V; v++) {
                if (ALONG_TERMS) {
                    tile[term(i) + v][output(i)] = values[i][v];
                } else {
                    tile[term(i)][output(i) + v] = values[i][v];
                }
            }
        }
    }
};

// Each thread has TM x TN sums in registers, in squares of four. A warp's threads lie 4 x 8: so they read least from shared memory.
template <int BM, int BN, int BK, int TM, int TN> struct MultiplyAdd {
    static constexpr int THREADS = BM / TM * (BN / TN), WARPS_ACROSS = BN / TN / 8;
    real sums[TM][TN];

    __device__ MultiplyAdd() {
#pragma unroll
        for (int i = 0; i < TM; i++) {
#pragma unroll
            for (int j = 0; j < TN; j++) sums[i][j] = 0;
        }
    }

    __device__ static int row(int i) {
        return i / 4 * (BM / (TM / 4)) + (threadIdx.x / 32 / WARPS_ACROSS * 4 + threadIdx.x % 32 / 8) * 4 + i % 4;
    }
    __device__ static int column(int j) {
        return j / 4 * (BN / (TN / 4)) + (threadIdx.x / 32 % WARPS_ACROSS * 8 + threadIdx.x % 8) * 4;
    }

    __device__ void add(const real (&a)[BK][BM + PAD], const real (&b)[BK][BN + PAD]) {
#pragma unroll
        for (int t = 0; t < BK; t++) {
            real x[TM], y[TN];
#pragma unroll
            for (int i = 0; i < TM; i += 4) load<4>(&a[t][row(i)], x + i);
#pragma unroll
            for (int j = 0; j < TN; j += 4) load<4>(&b[t][column(j)], y + j);
#pragma unroll
            for (int i = 0; i < TM; i++) {
#pragma unroll
                for (int j = 0; j < TN; j++) sums[i][j] += x[i] * y[j];
            }
        }
    }

    template <class Out> __device__ void put(const Out& out, i64 m0, i64 n0) const {
#pragma unroll
        for (int i = 0; i < TM; i++) {
#pragma unroll
            for (int j = 0; j < TN; j += 4) out.template put<4>(m0 + row(i), n0 + column(j), &sums[i][j]);
        }
    }
};

// The sums of terms from `begin` to `end` of tile (m0, n0), which `math` keeps, each handed to `out.put<W>(m, n, W sums)`: row m, W columns
// from n. `start` tells operands which outputs a thread's share is of, `load` brings the values of a piece, 0 beyond the edges.
template <int BM, int BN, int BK, class Math, class A, class B, class Out>
__device__ void gemm(A& a, B& b, const Out& out, i64 m0, i64 n0, int begin, int end) {
    __shared__ __align__(16) real tile_a[2][BK][BM + PAD];
    __shared__ __align__(16) real tile_b[2][BK][BN + PAD];
    real next_a[A::Tile::LOADS][A::WIDTH], next_b[B::Tile::LOADS][B::WIDTH];
    Math math;
    a.start(m0);
    b.start(n0);
    a.load(begin, end, next_a);
    b.load(begin, end, next_b);
    A::Tile::put(tile_a[0], next_a);
    B::Tile::put(tile_b[0], next_b);
    __syncthreads();
    int now = 0;
    for (int k = begin; k < end; k += BK) {
        bool more = k + BK < end;
        if (more) {
            a.load(k + BK, end, next_a);
            b.load(k + BK, end, next_b);
        }
        math.add(tile_a[now], tile_b[now]);
        if (more) {
            A::Tile::put(tile_a[now ^ 1], next_a);
            B::Tile::put(tile_b[now ^ 1], next_b);
        }
        __syncthreads();
        now ^= 1;
    }
    math.put(out, m0, n0);
}
