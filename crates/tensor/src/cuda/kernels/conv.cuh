// The sizes of a convolution, and what follows it. Activations are channels-last; weights are [K/32][R][S][C/groups][32].

struct Conv {
    int n, h, w, c;             // the input
    int p, q, k;                // the output
    int r, s;                   // the kernel
    int stride[2], padding[2], dilation[2];
    int groups, cg, kg;         // channels of the input and the output in a group
    int round;                  // what operands are rounded to: 0 nothing, 1 bf16, 2 TF32
    Divisor by_q, by_p, by_w, by_h, by_cg, by_kg, by_s, by_stride[2];
};

// The input's gradient in parts: places of the input that lie a stride apart meet the same taps, which lie a stride apart, too. Each part
// is the gradient of a convolution of stride 1. For the parts of rows, then of columns, from the first place on:
struct Parts {
    int count[2];               // parts
    int step[2];                // places and taps from one of a part to its next
    int size[2][2];             // places
    int first_tap[2][2];
    int taps[2][2];
    int padding[2][2];
    Divisor by_size[2][2], by_taps[2];  // by columns of taps
};

struct Epilogue {
    const real *scale, *shift, *residual;
    double low, high;           // what results are held between
};

// The output place at which a tap meets an input place that lies `reach` behind the output's first place for that tap; -1 where none does.
__device__ inline int met(int reach, int stride, Divisor by_stride, int places) {
    if (reach < 0) return -1;
    int at = (int)quotient(reach, by_stride);
    return at * stride == reach && at < places ? at : -1;
}

// The sum that belongs to element i of the output, in channel k, as it is written.
__device__ inline real finished(const Epilogue& e, real sum, int k, i64 i) {
    if (e.scale) sum *= e.scale[k];
    if (e.shift) sum += e.shift[k];
    if (e.residual) sum += e.residual[i];
    sum = sum < (real)e.low ? (real)e.low : sum;
    return sum > (real)e.high ? (real)e.high : sum;
}

// A place in a stack of pictures that has so many rows and columns.
struct Place {
    int picture, row, column;
};
__device__ inline Place place(u32 pixel, Divisor rows, Divisor columns) {
    u32 line = quotient(pixel, columns), picture = quotient(line, rows);
    Place at = {(int)picture, (int)(line - picture * rows.value), (int)(pixel - line * columns.value)};
    return at;
}

#if REAL == 64
__device__ inline real rounded(const Conv& s, real x) {
    return x;
}
#else
__device__ inline real rounded(const Conv& s, real x) {
    return s.round == 0 ? x : s.round == 1 ? to_bf16(x) : to_tf32(x);
}
#endif
