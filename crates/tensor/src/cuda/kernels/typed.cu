// Comparisons and conversions between element types, which are told at run time: 0 f32, 1 f64, 2 bf16, 3 i64, 4 u8.

__device__ inline double loaded(int type, const void* x, i64 i) {
    switch (type) {
    case 0: return ((const float*)x)[i];
    case 1: return ((const double*)x)[i];
    case 2: return bits_to_float((u32)((const unsigned short*)x)[i] << 16);
    case 3: return (double)((const i64*)x)[i];
    default: return ((const u8*)x)[i];
    }
}

// Truncates towards zero and saturates; NaN becomes 0.
__device__ inline i64 whole(double x) {
    if (x != x) return 0;
    if (x >= 9223372036854775807.0) return 9223372036854775807LL;
    if (x <= -9223372036854775808.0) return -9223372036854775807LL - 1;
    return (i64)x;
}

// Rounds to the nearest bf16. Rounding to odd first lets the second rounding see on which side of a tie the value lies.
__device__ inline unsigned short bf16_of(double x) {
    float near = (float)x;
    if ((double)near == x || near != near) return (unsigned short)bf16_bits(near);
    u32 bits = float_to_bits(near);
    if (fabs((double)near) > fabs(x)) bits -= 1;
    return (unsigned short)bf16_bits(bits_to_float(bits | 1));
}

__device__ inline void stored(int type, void* y, i64 i, double x) {
    switch (type) {
    case 0: ((float*)y)[i] = (float)x; break;
    case 1: ((double*)y)[i] = x; break;
    case 2: ((unsigned short*)y)[i] = bf16_of(x); break;
    case 3: ((i64*)y)[i] = whole(x); break;
    default: ((u8*)y)[i] = (u8)(x > 255 ? 255 : x > 0 ? (int)x : 0); break;
    }
}

KERNEL(cast, int from, int to, const void* x, void* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) stored(to, y, i, loaded(from, x, i));
}

// -1, 0, 1, or 2 where one is not a number.
__device__ inline int order(int type, const void* a, i64 i, const void* b, i64 j) {
    if (type == 3) {
        i64 x = ((const i64*)a)[i], y = ((const i64*)b)[j];
        return x < y ? -1 : x > y;
    }
    double x = loaded(type, a, i), y = loaded(type, b, j);
    return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

KERNEL(compare, int op, int type, Walk<2> walk, const void* a, const void* b, u8* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 at[2];
        offsets(walk, i, at);
        int o = order(type, a, at[0], b, at[1]);
        bool holds = false;
        switch (op) {
        case 0: holds = o == 0; break;
        case 1: holds = o != 0; break;
        case 2: holds = o == -1; break;
        case 3: holds = o == -1 || o == 0; break;
        case 4: holds = o == 1; break;
        default: holds = o == 1 || o == 0; break;
        }
        y[i] = holds;
    }
}

// The place of an extreme along lines of `len` elements, `inner` apart. The first of equal elements counts, and the first NaN.
KERNEL(arg_reduce, int largest, int type, const void* x, i64* places, i64 len, i64 inner, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 line = i / inner * len * inner + i % inner, best = 0;
        for (i64 k = 1; k < len; k++) {
            i64 now = line + k * inner, then = line + best * inner;
            int o = order(type, x, now, x, then);
            bool best_is_number = order(type, x, then, x, then) == 0;
            if (o == 2 ? best_is_number : o == (largest ? 1 : -1)) best = k;
        }
        places[i] = best;
    }
}
