// Reductions. Each is cut into pieces whose 64-bit partial results are merged in order, so that a result depends on nothing else.

// 0 sum and mean, 1 maximum, 2 minimum
__device__ inline double merged(int op, double a, double b) {
    return op == 0 ? a + b : op == 1 ? maximum(a, b) : minimum(a, b);
}
__device__ inline double neutral(int op) {
    return op == 0 ? 0.0 : op == 1 ? -INF : INF;
}

// The results [groups][columns] of few terms each: a thread for each.
KERNEL(reduce_few, int op, Walk<1> groups, Walk<1> terms, const real* x, real* y, i64 merged_terms, i64 columns, double divisor, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 base, at;
        offsets(groups, i / columns, &base);
        double sum = neutral(op);
        for (i64 t = 0; t < merged_terms; t++) {
            offsets(terms, t, &at);
            sum = merged(op, sum, x[base + at + i % columns]);
        }
        y[i] = (real)(sum / divisor);
    }
}

// Partial results [groups][pieces] of groups whose terms lie along `terms`: a block for each.
KERNEL(reduce_rows, int op, Walk<1> groups, Walk<1> terms, const real* x, double* partial, int pieces, i64 per_piece, i64 merged_terms) {
    __shared__ double shared[256];
    i64 group = blockIdx.x / pieces, piece = blockIdx.x % pieces, base;
    offsets(groups, group, &base);
    i64 end = (piece + 1) * per_piece < merged_terms ? (piece + 1) * per_piece : merged_terms;
    double sum = neutral(op);
    for (i64 t = piece * per_piece + threadIdx.x; t < end; t += 256) {
        i64 at;
        offsets(terms, t, &at);
        sum = merged(op, sum, x[base + at]);
    }
    shared[threadIdx.x] = sum;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if ((int)threadIdx.x < half) shared[threadIdx.x] = merged(op, shared[threadIdx.x], shared[threadIdx.x + half]);
        __syncthreads();
    }
    if (threadIdx.x == 0) partial[blockIdx.x] = shared[0];
}

// Partial results [groups][pieces][columns], where columns lie side by side in memory: a block of 32 columns and 8 rows of terms.
KERNEL(reduce_columns, int op, Walk<1> groups, Walk<1> terms, const real* x, double* partial, int pieces, i64 per_piece, i64 merged_terms,
       i64 columns) {
    __shared__ double shared[8][33];
    i64 group = blockIdx.x / pieces, piece = blockIdx.x % pieces, base;
    offsets(groups, group, &base);
    i64 end = (piece + 1) * per_piece < merged_terms ? (piece + 1) * per_piece : merged_terms;
    for (i64 tile = blockIdx.y; tile * 32 < columns; tile += gridDim.y) {
        i64 column = tile * 32 + threadIdx.x;
        double sum = neutral(op);
        if (column < columns) {
            for (i64 t = piece * per_piece + threadIdx.y; t < end; t += 8) {
                i64 at;
                offsets(terms, t, &at);
                sum = merged(op, sum, x[base + at + column]);
            }
        }
        shared[threadIdx.y][threadIdx.x] = sum;
        __syncthreads();
        if (threadIdx.y == 0 && column < columns) {
            for (int k = 1; k < 8; k++) sum = merged(op, sum, shared[k][threadIdx.x]);
            partial[(i64)blockIdx.x * columns + column] = sum;
        }
        __syncthreads();
    }
}

// The results [groups][columns] from partial ones.
KERNEL(reduce_pieces, int op, const double* partial, real* y, int pieces, i64 columns, double divisor, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 group = i / columns, column = i % columns;
        double sum = neutral(op);
#pragma unroll 8
        for (int k = 0; k < pieces; k++) sum = merged(op, sum, partial[(group * pieces + k) * columns + column]);
        y[i] = (real)(sum / divisor);
    }
}

__device__ inline bool comes_before(real a, i64 i, real b, i64 j) {
    bool a_nan = a != a, b_nan = b != b;
    if (a_nan != b_nan) return a_nan;
    if (!a_nan && a != b) return a > b;
    return i < j;
}

// The k largest of each row in order, a block for each row: k times the first of those behind the one before.
KERNEL(top_k, const real* x, real* values, i64* places, i64 len, int k) {
    __shared__ i64 shared[256];
    const real* row = x + blockIdx.x * len;
    i64 last = -1;
    for (int found = 0; found < k; found++) {
        i64 best = -1;
        for (i64 i = threadIdx.x; i < len; i += 256) {
            if (last >= 0 && !comes_before(row[last], last, row[i], i)) continue;
            if (best < 0 || comes_before(row[i], i, row[best], best)) best = i;
        }
        __syncthreads();
        shared[threadIdx.x] = best;
        __syncthreads();
        for (int half = 128; half > 0; half /= 2) {
            if ((int)threadIdx.x < half) {
                i64 a = shared[threadIdx.x], b = shared[threadIdx.x + half];
                if (a < 0 || (b >= 0 && comes_before(row[b], b, row[a], a))) shared[threadIdx.x] = b;
            }
            __syncthreads();
        }
        last = shared[0];
        if (threadIdx.x == 0) {
            values[(i64)blockIdx.x * k + found] = row[last];
            places[(i64)blockIdx.x * k + found] = last;
        }
    }
}
