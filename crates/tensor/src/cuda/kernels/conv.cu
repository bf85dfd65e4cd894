// Convolution and its gradients as matrix products whose operands are read in place.

template <int N, int V> __device__ inline void zero(real (&values)[N][V], int i) {
#pragma unroll
    for (int v = 0; v < V; v++) values[i][v] = 0;
}

template <int N, int V> __device__ inline void fetch(const Conv& s, const real* from, real (&values)[N][V], int i) {
    load<V>(from, values[i]);
    if (s.round) {
#pragma unroll
        for (int v = 0; v < V; v++) values[i][v] = rounded(s, values[i][v]);
    }
}

// Outputs are pixels of the result, terms are (tap, input channel): the forward pass's input.
template <int BM, int BK, int THREADS, int V> struct InputOfPixels {
    typedef Share<BM, BK, THREADS, V, true> Tile;
    static constexpr int WIDTH = V;
    const Conv& s;
    const real* x;
    int top[Tile::LOADS], left[Tile::LOADS], line[Tile::LOADS];

    __device__ InputOfPixels(const Conv& s, const real* x, int group) : s(s), x(x + group * s.cg) {}

    __device__ void start(i64 m0) {
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            i64 m = m0 + Tile::output(i);
            Place at = place((u32)m, s.by_p, s.by_q);
            top[i] = at.row * s.stride[0] - s.padding[0];
            left[i] = at.column * s.stride[1] - s.padding[1];
            line[i] = m < (i64)s.n * s.p * s.q ? at.picture * s.h : -1;
        }
    }

    __device__ void load(int k, int end, real (&values)[Tile::LOADS][V]) {
        u32 term = k + Tile::term(0), tap = quotient(term, s.by_cg), channel = term - tap * s.cg;
        u32 tap_row = quotient(tap, s.by_s), tap_column = tap - tap_row * s.s;
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            int row = top[i] + (int)tap_row * s.dilation[0], column = left[i] + (int)tap_column * s.dilation[1];
            bool inside = line[i] >= 0 && (int)term < end && row >= 0 && row < s.h && column >= 0 && column < s.w;
            if (inside) {
                fetch(s, x + ((i64)(line[i] + row) * s.w + column) * s.c + channel, values, i);
            } else {
                zero(values, i);
            }
        }
    }
};

// The part of the input that a block works on: one of the rows' and one of the columns'.
struct Part {
    int row, column;

    __device__ static int terms(const Conv& s, const Parts& parts, Part part) {
        return parts.taps[0][part.row] * parts.taps[1][part.column] * s.kg;
    }
};

// Outputs are pixels of a part of the input, terms are (tap, output channel): the output's gradient for the input's.
template <int BM, int BK, int THREADS, int V> struct GradOfPixels {
    typedef Share<BM, BK, THREADS, V, true> Tile;
    static constexpr int WIDTH = V;
    const Conv& s;
    const Parts& parts;
    const Part part;
    const real* dy;
    int bottom[Tile::LOADS], right[Tile::LOADS], line[Tile::LOADS];

    __device__ GradOfPixels(const Conv& s, const Parts& parts, Part part, const real* dy, int group)
        : s(s), parts(parts), part(part), dy(dy + group * s.kg) {}

    __device__ void start(i64 m0) {
        i64 pixels = (i64)s.n * parts.size[0][part.row] * parts.size[1][part.column];
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            i64 m = m0 + Tile::output(i);
            Place at = place((u32)m, parts.by_size[0][part.row], parts.by_size[1][part.column]);
            bottom[i] = at.row + parts.padding[0][part.row];
            right[i] = at.column + parts.padding[1][part.column];
            line[i] = m < pixels ? at.picture * s.p : -1;
        }
    }

    __device__ void load(int k, int end, real (&values)[Tile::LOADS][V]) {
        u32 term = k + Tile::term(0), tap = quotient(term, s.by_kg), channel = term - tap * s.kg;
        u32 tap_row = quotient(tap, parts.by_taps[part.column]), tap_column = tap - tap_row * parts.taps[1][part.column];
        int up = (int)tap_row * s.dilation[0], back = (int)tap_column * s.dilation[1];
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            int row = bottom[i] - up, column = right[i] - back;
            bool inside = line[i] >= 0 && (int)term < end && row >= 0 && column >= 0;
            if (parts.step[0] != s.stride[0] || parts.step[1] != s.stride[1]) {
                int down = row, across = column;
                row = inside ? (int)quotient(down, s.by_stride[0]) : 0;
                column = inside ? (int)quotient(across, s.by_stride[1]) : 0;
                inside = inside && row * s.stride[0] == down && column * s.stride[1] == across;
            }
            if (inside && row < s.p && column < s.q) {
                fetch(s, dy + ((i64)(line[i] + row) * s.q + column) * s.k + channel, values, i);
            } else {
                zero(values, i);
            }
        }
    }
};

// Outputs are output channels, terms are (tap, input channel): the weight as it lies.
template <int BN, int BK, int THREADS, int V> struct WeightRows {
    typedef Share<BN, BK, THREADS, V, false> Tile;
    static constexpr int WIDTH = V;
    const Conv& s;
    const real* w;
    int first_channel, channels;
    bool inside;

    __device__ WeightRows(const Conv& s, const real* w, int group)
        : s(s), w(w), first_channel(group * s.kg), channels(s.groups == 1 ? (s.kg + 31) / 32 * 32 : s.kg) {}

    __device__ void start(i64 n0) {
        i64 n = n0 + Tile::output(0), channel = first_channel + n;
        inside = n < channels;
        w += channel / 32 * s.r * s.s * s.cg * 32 + channel % 32;
    }

    __device__ void load(int k, int end, real (&values)[Tile::LOADS][V]) {
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            int term = k + Tile::term(i);
            if (inside && term < end) {
                fetch(s, w + (i64)term * 32, values, i);
            } else {
                zero(values, i);
            }
        }
    }
};

// Outputs are input channels, terms are (tap of a part, output channel): the weight transposed.
template <int BN, int BK, int THREADS, int V> struct WeightColumns {
    typedef Share<BN, BK, THREADS, V, true> Tile;
    static constexpr int WIDTH = V;
    const Conv& s;
    const Parts& parts;
    const Part part;
    const real* w;
    int group;
    i64 n0;

    __device__ WeightColumns(const Conv& s, const Parts& parts, Part part, const real* w, int group)
        : s(s), parts(parts), part(part), w(w), group(group), n0(0) {}

    __device__ void start(i64 n) {
        n0 = n;
    }

    __device__ void load(int k, int end, real (&values)[Tile::LOADS][V]) {
        u32 term = k + Tile::term(0), tap = quotient(term, s.by_kg);
        i64 channel = group * s.kg + (term - tap * s.kg);
        u32 tap_row = quotient(tap, parts.by_taps[part.column]), tap_column = tap - tap_row * parts.taps[1][part.column];
        int row = parts.first_tap[0][part.row] + (int)tap_row * parts.step[0];
        int column = parts.first_tap[1][part.column] + (int)tap_column * parts.step[1];
        const real* from = w + (channel / 32 * s.r * s.s + row * s.s + column) * s.cg * 32 + channel % 32;
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            i64 n = n0 + Tile::output(i);
            if (n < s.cg && (int)term < end) {
                fetch(s, from + n * 32, values, i);
            } else {
                zero(values, i);
            }
        }
    }
};

// Outputs are (tap, input channel), terms are pixels of the result: the input for the weight's gradient.
template <int BM, int BK, int THREADS, int V> struct InputOfTaps {
    typedef Share<BM, BK, THREADS, V, false> Tile;
    static constexpr int WIDTH = V;
    const Conv& s;
    const real* x;
    int down, across;
    bool inside;

    __device__ InputOfTaps(const Conv& s, const real* x, int group) : s(s), x(x + group * s.cg) {}

    __device__ void start(i64 m0) {
        u32 m = (u32)m0 + Tile::output(0), tap = quotient(m, s.by_cg);
        u32 tap_row = quotient(tap, s.by_s);
        inside = (int)m < s.r * s.s * s.cg;
        x += m - tap * s.cg;
        down = (int)tap_row * s.dilation[0] - s.padding[0];
        across = (int)(tap - tap_row * s.s) * s.dilation[1] - s.padding[1];
    }

    __device__ void load(int k, int end, real (&values)[Tile::LOADS][V]) {
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            int pixel = k + Tile::term(i);
            Place at = place(pixel, s.by_p, s.by_q);
            int row = at.row * s.stride[0] + down, column = at.column * s.stride[1] + across;
            if (inside && pixel < end && row >= 0 && row < s.h && column >= 0 && column < s.w) {
                fetch(s, x + (((i64)at.picture * s.h + row) * s.w + column) * s.c, values, i);
            } else {
                zero(values, i);
            }
        }
    }
};

// Outputs are output channels, terms are pixels of the result: the output's gradient for the weight's.
template <int BN, int BK, int THREADS, int V> struct GradOfChannels {
    typedef Share<BN, BK, THREADS, V, false> Tile;
    static constexpr int WIDTH = V;
    const Conv& s;
    const real* dy;
    bool inside;

    __device__ GradOfChannels(const Conv& s, const real* dy, int group) : s(s), dy(dy + group * s.kg) {}

    __device__ void start(i64 n0) {
        i64 n = n0 + Tile::output(0);
        inside = n < s.kg;
        dy += n;
    }

    __device__ void load(int k, int end, real (&values)[Tile::LOADS][V]) {
#pragma unroll
        for (int i = 0; i < Tile::LOADS; i++) {
            int pixel = k + Tile::term(i);
            if (inside && pixel < end) {
                fetch(s, dy + (i64)pixel * s.k, values, i);
            } else {
                zero(values, i);
            }
        }
    }
};

// Writes W neighbours, as vectors where V says that they are aligned, but those beyond `channels`.
template <int V, int W> __device__ inline void write(real* to, const real4& values, i64 n, int channels) {
    if (V == 4 && W == 4) {
        if (n < channels) *(real4*)to = values;
        return;
    }
#pragma unroll
    for (int j = 0; j < W; j++) {
        if (n + j < channels) to[j] = values.v[j];
    }
}

// Rows are pixels, columns the channels of a group: the output, finished where these are whole sums.
template <int V> struct ToOutput {
    const Conv& s;
    const Epilogue& e;
    real* y;
    int group;
    bool whole;

    template <int W> __device__ void put(i64 m, i64 n, const real* sums) const {
        if (m >= (i64)s.n * s.p * s.q) return;
        real4 results;
        i64 at = m * s.k + group * s.kg + n;
#pragma unroll
        for (int j = 0; j < W; j++) {
            results.v[j] = whole && n + j < s.kg ? finished(e, sums[j], group * s.kg + (int)n + j, at + j) : sums[j];
        }
        write<V, W>(y + at, results, n, s.kg);
    }
};

// Rows are pixels of a part, columns the channels of a group: the input's gradient.
template <int V> struct ToInput {
    const Conv& s;
    const Parts& parts;
    const Part part;
    real* dx;
    int group;

    template <int W> __device__ void put(i64 m, i64 n, const real* sums) const {
        if (m >= (i64)s.n * parts.size[0][part.row] * parts.size[1][part.column]) return;
        Place at = place((u32)m, parts.by_size[0][part.row], parts.by_size[1][part.column]);
        i64 row = part.row + at.row * parts.step[0], column = part.column + at.column * parts.step[1];
        real4 results;
#pragma unroll
        for (int j = 0; j < W; j++) results.v[j] = sums[j];
        write<V, W>(dx + (((i64)at.picture * s.h + row) * s.w + column) * s.c + group * s.cg + n, results, n, s.cg);
    }
};

// Rows are (tap, input channel), columns output channels: the weight's gradient as weights lie. Lanes without a channel become 0.
template <int V> struct ToWeight {
    real* dw;
    i64 rows;
    int first_channel, channels;

    template <int W> __device__ void put(i64 m, i64 n, const real* sums) const {
        if (m >= rows) return;
#pragma unroll
        for (int j = 0; j < W; j++) {
            i64 channel = first_channel + n + j;
            if (n + j < channels) dw[(channel / 32 * rows + m) * 32 + channel % 32] = sums[j];
        }
    }
};

// Which tile of the result, which group and which terms a block has.
struct Work {
    i64 m0, n0;
    int group, split, begin, end;
};
template <int BM, int BN> __device__ inline Work work(int columns_of_tiles, int splits, int per_split, int terms) {
    int split = blockIdx.z % splits, begin = split * per_split;
    Work work = {(i64)(blockIdx.x / columns_of_tiles) * BM, (i64)(blockIdx.x % columns_of_tiles) * BN, (int)blockIdx.z / splits, split, begin,
                 terms - begin < per_split ? terms : begin + per_split};
    return work;
}

#define BK 16

template <int BM, int BN, class Math, int V>
__device__ void forward(const Conv& s, const Epilogue& e, const real* x, const real* w, real* y, int columns, int splits, int per_split) {
    constexpr int THREADS = Math::THREADS;
    i64 pixels = (i64)s.n * s.p * s.q;
    Work job = work<BM, BN>(columns, splits, per_split, s.r * s.s * s.cg);
    InputOfPixels<BM, BK, THREADS, V> a(s, x, job.group);
    WeightRows<BN, BK, THREADS, V> b(s, w, job.group);
    ToOutput<V> out = {s, e, y + job.split * pixels * s.k, job.group, splits == 1};
    gemm<BM, BN, BK, Math>(a, b, out, job.m0, job.n0, job.begin, job.end);
}

template <int BM, int BN, class Math, int V>
__device__ void grad_input(const Conv& s, const Parts& parts, const real* dy, const real* w, real* dx, int columns, int splits,
                           int per_split) {
    constexpr int THREADS = Math::THREADS;
    Part part = {(int)blockIdx.y / parts.count[1], (int)blockIdx.y % parts.count[1]};
    Work job = work<BM, BN>(columns, splits, per_split, Part::terms(s, parts, part));
    GradOfPixels<BM, BK, THREADS, V> a(s, parts, part, dy, job.group);
    WeightColumns<BN, BK, THREADS, V> b(s, parts, part, w, job.group);
    ToInput<V> out = {s, parts, part, dx + job.split * ((i64)s.n * s.h * s.w * s.c), job.group};
    gemm<BM, BN, BK, Math>(a, b, out, job.m0, job.n0, job.begin, job.end);
}

template <int BM, int BN, class Math, int V>
__device__ void grad_weight(const Conv& s, const real* x, const real* dy, real* dw, int columns, int splits, int per_split) {
    constexpr int THREADS = Math::THREADS;
    i64 rows = (i64)s.r * s.s * s.cg;
    Work job = work<BM, BN>(columns, splits, per_split, s.n * s.p * s.q);
    InputOfTaps<BM, BK, THREADS, V> a(s, x, job.group);
    GradOfChannels<BN, BK, THREADS, V> b(s, dy, job.group);
    i64 stored = (i64)((s.k + 31) / 32) * rows * 32;
    ToWeight<V> out = {dw + job.split * stored, rows, job.group * s.kg, s.groups == 1 ? (s.k + 31) / 32 * 32 : s.kg};
    gemm<BM, BN, BK, Math>(a, b, out, job.m0, job.n0, job.begin, job.end);
}

// PASS: 1 forward, 2 the input's gradient, 3 the weight's.
#if PASS == 1
#define CONV(BM, BN, V, ...) \
    KERNEL(conv_##BM##x##BN##x##V, Conv s, Epilogue e, const real* x, const real* w, real* y, int columns, int splits, int per_split) { \
        forward<BM, BN, __VA_ARGS__, V>(s, e, x, w, y, columns, splits, per_split); \
    }
#elif PASS == 2
#define CONV(BM, BN, V, ...) \
    KERNEL(conv_##BM##x##BN##x##V, Conv s, Parts parts, const real* dy, const real* w, real* dx, int columns, int splits, int per_split) { \
        grad_input<BM, BN, __VA_ARGS__, V>(s, parts, dy, w, dx, columns, splits, per_split); \
    }
#else
#define CONV(BM, BN, V, ...) \
    KERNEL(conv_##BM##x##BN##x##V, Conv s, const real* x, const real* dy, real* dw, int columns, int splits, int per_split) { \
        grad_weight<BM, BN, __VA_ARGS__, V>(s, x, dy, dw, columns, splits, per_split); \
    }
#endif

#ifdef TENSOR_CORES
CONV(64, 64, 1, TensorCores<64, 64, BK, 32, 16>)
CONV(64, 64, 4, TensorCores<64, 64, BK, 32, 16>)
CONV(128, 64, 1, TensorCores<128, 64, BK, 32, 32>)
CONV(128, 64, 4, TensorCores<128, 64, BK, 32, 32>)
CONV(128, 128, 1, TensorCores<128, 128, BK, 64, 32>)
CONV(128, 128, 4, TensorCores<128, 128, BK, 64, 32>)
#else
CONV(64, 64, 1, MultiplyAdd<64, 64, BK, 4, 4>)
CONV(64, 64, 4, MultiplyAdd<64, 64, BK, 4, 4>)
#if REAL == 32
CONV(128, 64, 1, MultiplyAdd<128, 64, BK, 8, 4>)
CONV(128, 64, 4, MultiplyAdd<128, 64, BK, 8, 4>)
CONV(128, 128, 1, MultiplyAdd<128, 128, BK, 8, 8>)
CONV(128, 128, 4, MultiplyAdd<128, 128, BK, 8, 8>)
#endif
#endif
