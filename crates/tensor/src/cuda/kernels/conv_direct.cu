// Convolution with few channels in a group, depthwise above all: each thread sums one element from memory.

// Where a channel's weights lie: those of tap t and the group's channel c are at [(t * cg + c) * 32].
__device__ inline const real* weights_of(const Conv& s, const real* w, int k) {
    return w + (i64)(k / 32) * s.r * s.s * s.cg * 32 + k % 32;
}

KERNEL(direct_forward, Conv s, Epilogue e, const real* x, const real* w, real* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        int k = (int)(i % s.k), group = quotient(k, s.by_kg);
        Place at = place((u32)(i / s.k), s.by_p, s.by_q);
        const real *from = x + (i64)at.picture * s.h * s.w * s.c + group * s.cg, *weights = weights_of(s, w, k);
        real sum = 0;
        for (int a = 0; a < s.r; a++) {
            int row = at.row * s.stride[0] - s.padding[0] + a * s.dilation[0];
            if (row < 0 || row >= s.h) continue;
            for (int b = 0; b < s.s; b++) {
                int column = at.column * s.stride[1] - s.padding[1] + b * s.dilation[1];
                if (column < 0 || column >= s.w) continue;
                const real *pixel = from + ((i64)row * s.w + column) * s.c, *tap = weights + (a * s.s + b) * s.cg * 32;
                for (int c = 0; c < s.cg; c++) sum += rounded(s, pixel[c]) * rounded(s, tap[c * 32]);
            }
        }
        y[i] = finished(e, sum, k, i);
    }
}

KERNEL(direct_grad_input, Conv s, const real* dy, const real* w, real* dx, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        int c = (int)(i % s.c), group = quotient(c, s.by_cg), own = c - group * s.cg;
        Place at = place((u32)(i / s.c), s.by_h, s.by_w);
        const real* from = dy + (i64)at.picture * s.p * s.q * s.k;
        real sum = 0;
        for (int a = 0; a < s.r; a++) {
            int row = met(at.row + s.padding[0] - a * s.dilation[0], s.stride[0], s.by_stride[0], s.p);
            if (row < 0) continue;
            for (int b = 0; b < s.s; b++) {
                int column = met(at.column + s.padding[1] - b * s.dilation[1], s.stride[1], s.by_stride[1], s.q);
                if (column < 0) continue;
                const real* pixel = from + ((i64)row * s.q + column) * s.k;
                for (int k = group * s.kg; k < (group + 1) * s.kg; k++) {
                    sum += rounded(s, pixel[k]) * rounded(s, weights_of(s, w, k)[((a * s.s + b) * s.cg + own) * 32]);
                }
            }
        }
        dx[i] = sum;
    }
}

// The same where every group has one channel and one output, four channels a thread. Operands are not rounded there.
KERNEL(depthwise_forward, Conv s, Epilogue e, const real* x, const real* w, real* y, i64 n) {
    const int fours = s.k / 4;
    for (i64 i = first(); i < n; i += step()) {
        i64 pixel = i / fours;
        int k = (int)(i - pixel * fours) * 4;
        Place at = place((u32)pixel, s.by_p, s.by_q);
        const real *from = x + (i64)at.picture * s.h * s.w * s.c + k, *weights = weights_of(s, w, k);
        real sums[4] = {0, 0, 0, 0};
        for (int a = 0; a < s.r; a++) {
            int row = at.row * s.stride[0] - s.padding[0] + a * s.dilation[0];
            if (row < 0 || row >= s.h) continue;
            for (int b = 0; b < s.s; b++) {
                int column = at.column * s.stride[1] - s.padding[1] + b * s.dilation[1];
                if (column < 0 || column >= s.w) continue;
                real4 values = *(const real4*)(from + ((i64)row * s.w + column) * s.c), taps = *(const real4*)(weights + (a * s.s + b) * 32);
                for (int j = 0; j < 4; j++) sums[j] += values.v[j] * taps.v[j];
            }
        }
        real4 results;
        for (int j = 0; j < 4; j++) results.v[j] = finished(e, sums[j], k + j, i * 4 + j);
        *(real4*)(y + i * 4) = results;
    }
}

KERNEL(depthwise_grad_input, Conv s, const real* dy, const real* w, real* dx, i64 n) {
    const int fours = s.c / 4;
    for (i64 i = first(); i < n; i += step()) {
        i64 pixel = i / fours;
        int c = (int)(i - pixel * fours) * 4;
        Place at = place((u32)pixel, s.by_h, s.by_w);
        const real *from = dy + (i64)at.picture * s.p * s.q * s.k + c, *weights = weights_of(s, w, c);
        real4 sums = {};
        for (int a = 0; a < s.r; a++) {
            int row = met(at.row + s.padding[0] - a * s.dilation[0], s.stride[0], s.by_stride[0], s.p);
            if (row < 0) continue;
            for (int b = 0; b < s.s; b++) {
                int column = met(at.column + s.padding[1] - b * s.dilation[1], s.stride[1], s.by_stride[1], s.q);
                if (column < 0) continue;
                real4 values = *(const real4*)(from + ((i64)row * s.q + column) * s.k), taps = *(const real4*)(weights + (a * s.s + b) * 32);
                for (int j = 0; j < 4; j++) sums.v[j] += values.v[j] * taps.v[j];
            }
        }
        *(real4*)(dx + i * 4) = sums;
    }
}

// A block has the 32 lanes of one row of the weight, [K/32][R][S][C/groups], and the pixels of one split, dealt out to 8 threads a lane.
KERNEL(direct_grad_weight, Conv s, const real* x, const real* dy, real* dw, int per_split) {
    __shared__ double shared[8][33];
    int rows = s.r * s.s * s.cg, row = blockIdx.x % rows;
    int k = (int)(blockIdx.x / rows) * 32 + threadIdx.x, c = row % s.cg, b = row / s.cg % s.s, a = row / s.cg / s.s;
    int begin = blockIdx.y * per_split, pixels = s.n * s.p * s.q, end = pixels - begin < per_split ? pixels : begin + per_split;
    real sum = 0;
    if (k < s.k) {
        int channel = quotient(k, s.by_kg) * s.cg + c;
        for (int pixel = begin + threadIdx.y; pixel < end; pixel += 8) {
            Place at = place(pixel, s.by_p, s.by_q);
            int h = at.row * s.stride[0] - s.padding[0] + a * s.dilation[0];
            int w = at.column * s.stride[1] - s.padding[1] + b * s.dilation[1];
            if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
            sum += rounded(s, x[(((i64)at.picture * s.h + h) * s.w + w) * s.c + channel]) * rounded(s, dy[(i64)pixel * s.k + k]);
        }
    }
    shared[threadIdx.y][threadIdx.x] = (double)sum;
    __syncthreads();
    if (threadIdx.y == 0) {
        double total = 0;
        for (int t = 0; t < 8; t++) total += shared[t][threadIdx.x];
        dw[((i64)blockIdx.y * gridDim.x + blockIdx.x) * 32 + threadIdx.x] = (real)total;
    }
}

// Partial sums [splits][n] merged, and finished: element i is of channel i % channels.
KERNEL(merge, Epilogue e, const real* partial, real* y, int splits, int channels, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        double sum = 0;
#pragma unroll 8
        for (int k = 0; k < splits; k++) sum += (double)partial[k * n + i];
        y[i] = finished(e, (real)sum, (int)(i % channels), i);
    }
}
