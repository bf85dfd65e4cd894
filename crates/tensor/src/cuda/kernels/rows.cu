// Softmax, cross entropy and layer normalisation of rows that lie together in memory: a block of 256 threads for each row.

__device__ inline double row_max(const real* x, i64 len, double* shared) {
    double most = -INF;
    for (i64 i = threadIdx.x; i < len; i += 256) most = maximum(most, (double)x[i]);
    return block_max(most, shared);
}

KERNEL(softmax, int logarithm, const real* x, real* y, i64 len) {
    __shared__ double shared[256];
    x += blockIdx.x * len;
    y += blockIdx.x * len;
    real most = (real)row_max(x, len, shared);
    double sum = 0;
    for (i64 i = threadIdx.x; i < len; i += 256) sum += exp(x[i] - most);
    sum = block_sum(sum, shared);
    real scale = (real)(1.0 / sum), ln_sum = (real)log(sum);
    for (i64 i = threadIdx.x; i < len; i += 256) y[i] = logarithm ? (x[i] - most) - ln_sum : exp(x[i] - most) * scale;
}

KERNEL(softmax_backward, int logarithm, const real* g, const real* y, real* dx, i64 len) {
    __shared__ double shared[256];
    g += blockIdx.x * len;
    y += blockIdx.x * len;
    dx += blockIdx.x * len;
    double sum = 0;
    for (i64 i = threadIdx.x; i < len; i += 256) sum += logarithm ? (double)g[i] : (double)g[i] * (double)y[i];
    real total = (real)block_sum(sum, shared);
    for (i64 i = threadIdx.x; i < len; i += 256) dx[i] = logarithm ? g[i] - exp(y[i]) * total : y[i] * (g[i] - total);
}

KERNEL(cross_entropy, double smoothing, const real* x, const i64* targets, real* losses, real* p, i64 len) {
    __shared__ double shared[256];
    x += blockIdx.x * len;
    p += blockIdx.x * len;
    double most = row_max(x, len, shared), sum = 0, all = 0;
    for (i64 i = threadIdx.x; i < len; i += 256) {
        real e = exp(x[i] - (real)most);
        p[i] = e;
        sum += e;
        all += (double)x[i] - most;
    }
    sum = block_sum(sum, shared);
    all = block_sum(all, shared);
    real scale = (real)(1.0 / sum);
    for (i64 i = threadIdx.x; i < len; i += 256) p[i] *= scale;
    if (threadIdx.x == 0) {
        double ln_sum = log(sum), of_target = ln_sum - ((double)x[targets[blockIdx.x]] - most);
        double of_all = smoothing > 0 ? ln_sum - all / (double)len : 0;
        losses[blockIdx.x] = (real)((1 - smoothing) * of_target + smoothing * of_all);
    }
}

KERNEL(cross_entropy_backward, double smoothing, const real* grad, const real* p, const i64* targets, real* dx, i64 len, i64 n) {
    real spread = (real)(smoothing / (double)len), hit = (real)(1 - smoothing);
    for (i64 i = first(); i < n; i += step()) {
        i64 row = i / len;
        real d = p[i] - spread;
        dx[i] = (i % len == targets[row] ? d - hit : d) * grad[row];
    }
}

// The mean of a row and one over its standard deviation.
__device__ inline void moments(const real* x, i64 len, double eps, double* shared, real* mean, real* inv_std) {
    double sum = 0, squares = 0;
    for (i64 i = threadIdx.x; i < len; i += 256) sum += (double)x[i];
    double middle = block_sum(sum, shared) / (double)len;
    for (i64 i = threadIdx.x; i < len; i += 256) squares += ((double)x[i] - middle) * ((double)x[i] - middle);
    squares = block_sum(squares, shared);
    *mean = (real)middle;
    *inv_std = (real)(1.0 / sqrt(squares / (double)len + eps));
}

KERNEL(layer_norm, double eps, const real* x, const real* weight, const real* bias, real* y, i64 len) {
    __shared__ double shared[256];
    x += blockIdx.x * len;
    y += blockIdx.x * len;
    real mean, inv_std;
    moments(x, len, eps, shared, &mean, &inv_std);
    for (i64 i = threadIdx.x; i < len; i += 256) {
        real normal = (x[i] - mean) * inv_std;
        y[i] = (weight ? normal * weight[i] : normal) + (bias ? bias[i] : (real)0);
    }
}

// The input's gradient, and the mean and inverse standard deviation of each row for the parameters' gradients.
KERNEL(layer_norm_backward, double eps, const real* g, const real* x, const real* weight, real* dx, real* row_moments, i64 len) {
    __shared__ double shared[256];
    g += blockIdx.x * len;
    x += blockIdx.x * len;
    dx += blockIdx.x * len;
    real mean, inv_std;
    moments(x, len, eps, shared, &mean, &inv_std);
    double sum = 0, sum_x = 0;
    for (i64 i = threadIdx.x; i < len; i += 256) {
        real gw = weight ? g[i] * weight[i] : g[i];
        sum += (double)gw;
        sum_x += (double)(gw * (x[i] - mean) * inv_std);
    }
    real mean_g = (real)(block_sum(sum, shared) / (double)len), mean_gx = (real)(block_sum(sum_x, shared) / (double)len);
    for (i64 i = threadIdx.x; i < len; i += 256) {
        real gw = weight ? g[i] * weight[i] : g[i];
        dx[i] = inv_std * (gw - mean_g - (x[i] - mean) * inv_std * mean_gx);
    }
    if (threadIdx.x == 0) {
        row_moments[2 * blockIdx.x] = mean;
        row_moments[2 * blockIdx.x + 1] = inv_std;
    }
}

// Partial sums [chunks][2][len] over rows of g * normal and of g: a block of 32 columns and 8 rows.
KERNEL(layer_norm_parameters, const real* g, const real* x, const real* row_moments, double* partial, i64 rows, i64 per_chunk, i64 len) {
    __shared__ double shared[2][8][33];
    i64 column = (i64)blockIdx.x * 32 + threadIdx.x, chunk = blockIdx.y;
    i64 end = (chunk + 1) * per_chunk < rows ? (chunk + 1) * per_chunk : rows;
    double weight = 0, bias = 0;
    if (column < len) {
        for (i64 row = chunk * per_chunk + threadIdx.y; row < end; row += 8) {
            real value = g[row * len + column];
            weight += (double)(value * ((x[row * len + column] - row_moments[2 * row]) * row_moments[2 * row + 1]));
            bias += (double)value;
        }
    }
    shared[0][threadIdx.y][threadIdx.x] = weight;
    shared[1][threadIdx.y][threadIdx.x] = bias;
    __syncthreads();
    if (threadIdx.y < 2 && column < len) {
        double sum = 0;
        for (int k = 0; k < 8; k++) sum += shared[threadIdx.y][k][threadIdx.x];
        partial[(chunk * 2 + threadIdx.y) * len + column] = sum;
    }
}
