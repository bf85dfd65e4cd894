// Batch normalisation of values whose channels lie innermost: rows [rows][channels]. Blocks have 32 channels and 8 rows.

// The sum over a block's 8 rows, for each of its 32 channels, in order; every thread gets its channel's.
__device__ inline double rows_sum(double value, double (&shared)[8][33]) {
    __syncthreads();
    shared[threadIdx.y][threadIdx.x] = value;
    __syncthreads();
    double sum = 0;
    for (int k = 0; k < 8; k++) sum += shared[k][threadIdx.x];
    return sum;
}

// The mean and the sum of squared deviations of each channel over each chunk of rows: [chunks][2][channels].
KERNEL(batch_moments, const real* x, double* partial, i64 rows, i64 per_chunk, int channels) {
    __shared__ double shared[8][33];
    int c = blockIdx.x * 32 + threadIdx.x;
    i64 start = (i64)blockIdx.y * per_chunk, end = start + per_chunk < rows ? start + per_chunk : rows;
    double n = (double)(end - start);
    real sum = 0;
    if (c < channels) {
#pragma unroll 4
        for (i64 row = start + threadIdx.y; row < end; row += 8) sum += x[row * channels + c];
    }
    real middle = (real)(rows_sum((double)sum, shared) / n), squares = 0, rest = 0;
    if (c < channels) {
#pragma unroll 4
        for (i64 row = start + threadIdx.y; row < end; row += 8) {
            real d = x[row * channels + c] - middle;
            squares += d * d;
            rest += d;
        }
    }
    // What the rounded mean and sums left over.
    double all_squares = rows_sum((double)squares, shared), all_rest = rows_sum((double)rest, shared);
    if (threadIdx.y == 0 && c < channels) {
        partial[(i64)blockIdx.y * 2 * channels + c] = (double)middle + all_rest / n;
        partial[((i64)blockIdx.y * 2 + 1) * channels + c] = all_squares - all_rest * all_rest / n;
    }
}

// The mean and biased variance of each channel: Chan, Golub and LeVeque's formula for all chunks at once.
KERNEL(batch_stats, const double* partial, real* mean, real* var, i64 rows, i64 per_chunk, int chunks, int channels) {
    __shared__ double shared[8][33];
    int c = blockIdx.x * 32 + threadIdx.x;
    double sum = 0, squares = 0;
    if (c < channels) {
#pragma unroll 4
        for (int k = threadIdx.y; k < chunks; k += 8) {
            i64 size = (k + 1) * per_chunk < rows ? per_chunk : rows - k * per_chunk;
            sum += partial[(i64)k * 2 * channels + c] * (double)size;
        }
    }
    double middle = rows_sum(sum, shared) / (double)rows;
    if (c < channels) {
#pragma unroll 4
        for (int k = threadIdx.y; k < chunks; k += 8) {
            i64 size = (k + 1) * per_chunk < rows ? per_chunk : rows - k * per_chunk;
            double d = partial[(i64)k * 2 * channels + c] - middle;
            squares += partial[((i64)k * 2 + 1) * channels + c] + d * d * (double)size;
        }
    }
    squares = rows_sum(squares, shared);
    if (threadIdx.y == 0 && c < channels) {
        mean[c] = (real)middle;
        var[c] = (real)(squares / (double)rows);
    }
}

__device__ inline double inverse_deviation(const real* var, int c, double eps) {
    return 1.0 / sqrt((double)var[c] + eps);
}

// The factor and the summand that a batch normalisation comes to.
KERNEL(batch_norm_affine, double eps, const real* mean, const real* var, const real* weight, const real* bias, real* scale, real* shift,
       int channels) {
    for (i64 c = first(); c < channels; c += step()) {
        real s = (real)((weight ? (double)weight[c] : 1.0) * inverse_deviation(var, (int)c, eps));
        scale[c] = s;
        shift[c] = (real)((bias ? (double)bias[c] : 0.0) - (double)mean[c] * (double)s);
    }
}

// relu((x - mean) * scale + bias + residual)
KERNEL(batch_norm, double eps, int relu, const real* x, const real* mean, const real* var, const real* weight, const real* bias,
       const real* residual, real* y, i64 rows, int channels) {
    int c = blockIdx.x * 32 + threadIdx.x;
    if (c >= channels) return;
    real middle = mean[c], shift = bias ? bias[c] : (real)0;
    real scale = (real)((weight ? (double)weight[c] : 1.0) * inverse_deviation(var, c, eps));
#pragma unroll 4
    for (i64 row = (i64)blockIdx.y * 8 + threadIdx.y; row < rows; row += (i64)gridDim.y * 8) {
        i64 i = row * channels + c;
        real value = (x[i] - middle) * scale + shift;
        if (residual) value += residual[i];
        y[i] = relu ? maximum(value, (real)0) : value;
    }
}

// Sums over chunks of rows of g and of g * (x - mean), [chunks][2][channels]; g is the gradient behind a ReLU with this output.
KERNEL(batch_norm_sums, const real* grad, const real* x, const real* output, const real* mean, double* partial, i64 rows, i64 per_chunk,
       int channels) {
    __shared__ double shared[2][8][33];
    int c = blockIdx.x * 32 + threadIdx.x;
    i64 start = (i64)blockIdx.y * per_chunk, end = start + per_chunk < rows ? start + per_chunk : rows;
    real sum = 0, sum_x = 0;
    if (c < channels) {
        real middle = mean[c];
#pragma unroll 4
        for (i64 row = start + threadIdx.y; row < end; row += 8) {
            i64 i = row * channels + c;
            real g = !output || output[i] > 0 ? grad[i] : (real)0;
            sum += g;
            sum_x += g * (x[i] - middle);
        }
    }
    shared[0][threadIdx.y][threadIdx.x] = (double)sum;
    shared[1][threadIdx.y][threadIdx.x] = (double)sum_x;
    __syncthreads();
    if (threadIdx.y < 2 && c < channels) {
        double total = 0;
        for (int k = 0; k < 8; k++) total += shared[threadIdx.y][k][threadIdx.x];
        partial[((i64)blockIdx.y * 2 + threadIdx.y) * channels + c] = total;
    }
}

// The parameters' gradients, and the input gradient's constants [2][channels]: dx = scale * (g - offset - (x - mean) * slope).
KERNEL(batch_norm_constants, double eps, int batch_stats, const double* partial, const real* var, real* dweight, real* dbias,
       real* constants, i64 rows, int chunks, int channels) {
    __shared__ double shared[8][33];
    int c = blockIdx.x * 32 + threadIdx.x;
    double sum = 0, sum_x = 0;
    if (c < channels) {
#pragma unroll 4
        for (int k = threadIdx.y; k < chunks; k += 8) {
            sum += partial[(i64)k * 2 * channels + c];
            sum_x += partial[((i64)k * 2 + 1) * channels + c];
        }
    }
    sum = rows_sum(sum, shared);
    sum_x = rows_sum(sum_x, shared);
    if (threadIdx.y == 0 && c < channels) {
        double inv_std = inverse_deviation(var, c, eps);
        dweight[c] = (real)(sum_x * inv_std);
        dbias[c] = (real)sum;
        constants[c] = batch_stats ? (real)(sum / (double)rows) : (real)0;
        constants[channels + c] = batch_stats ? (real)(sum_x * inv_std * inv_std / (double)rows) : (real)0;
    }
}

// The input's gradient, and the gradient behind the ReLU where that is wanted.
KERNEL(batch_norm_backward, double eps, const real* grad, const real* x, const real* output, const real* mean, const real* var,
       const real* weight, const real* constants, real* dx, real* behind, i64 rows, int channels) {
    int c = blockIdx.x * 32 + threadIdx.x;
    if (c >= channels) return;
    real middle = mean[c], offset = constants[c], slope = constants[channels + c];
    real scale = (real)((weight ? (double)weight[c] : 1.0) * inverse_deviation(var, c, eps));
#pragma unroll 4
    for (i64 row = (i64)blockIdx.y * 8 + threadIdx.y; row < rows; row += (i64)gridDim.y * 8) {
        i64 i = row * channels + c;
        real g = !output || output[i] > 0 ? grad[i] : (real)0;
        if (behind) behind[i] = g;
        dx[i] = scale * (g - offset - (x[i] - middle) * slope);
    }
}

// All gradients over few rows in f64, from the values themselves: what is left when terms cancel needs the digits.
KERNEL(batch_norm_backward_few, double eps, const real* grad, const real* x, const real* output, const real* weight, real* dweight,
       real* dbias, real* dx, real* behind, i64 rows, int channels) {
    for (i64 c = first(); c < channels; c += step()) {
        double n = (double)rows, mean = 0, var = 0, sum = 0, sum_x = 0;
        for (i64 i = c; i < rows * channels; i += channels) mean += (double)x[i];
        mean /= n;
        for (i64 i = c; i < rows * channels; i += channels) var += ((double)x[i] - mean) * ((double)x[i] - mean);
        double inv_std = 1.0 / sqrt(var / n + eps);
        for (i64 i = c; i < rows * channels; i += channels) {
            real g = !output || output[i] > 0 ? grad[i] : (real)0;
            if (behind) behind[i] = g;
            sum += (double)g;
            sum_x += (double)g * (((double)x[i] - mean) * inv_std);
        }
        double scale = inv_std * (weight ? (double)weight[c] : 1.0);
        for (i64 i = c; i < rows * channels; i += channels) {
            double g = !output || output[i] > 0 ? (double)grad[i] : 0;
            dx[i] = (real)(scale * (g - sum / n - ((double)x[i] - mean) * inv_std * sum_x / n));
        }
        dweight[c] = (real)sum_x;
        dbias[c] = (real)sum;
    }
}
