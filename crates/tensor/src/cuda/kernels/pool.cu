// Pooling of channels-last pictures: a thread for each element of the result.

// How a window slides: sizes of input and output, kernel, stride, padding and dilation; height, then width.
struct Pool {
    int input[2], output[2], kernel[2], stride[2], padding[2], dilation[2];
    i64 channels;
};

// Places are u8, or i64 where a window has more than 256.
__device__ inline void put_place(void* places, int wide, i64 i, int place) {
    if (wide) {
        ((i64*)places)[i] = place;
    } else {
        ((u8*)places)[i] = (u8)place;
    }
}
__device__ inline int get_place(const void* places, int wide, i64 i) {
    return wide ? (int)((const i64*)places)[i] : ((const u8*)places)[i];
}

// The first of equal elements counts, and the last NaN.
KERNEL(max_pool, Pool p, int wide, const real* x, real* y, void* places, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 c = i % p.channels, pixel = i / p.channels;
        int column = (int)(pixel % p.output[1]), row = (int)(pixel / p.output[1] % p.output[0]);
        i64 picture = pixel / p.output[1] / p.output[0];
        real best = (real)-INF;
        int place = -1;
        for (int a = 0; a < p.kernel[0]; a++) {
            int h = row * p.stride[0] - p.padding[0] + a * p.dilation[0];
            if (h < 0 || h >= p.input[0]) continue;
            for (int b = 0; b < p.kernel[1]; b++) {
                int w = column * p.stride[1] - p.padding[1] + b * p.dilation[1];
                if (w < 0 || w >= p.input[1]) continue;
                real value = x[((picture * p.input[0] + h) * p.input[1] + w) * p.channels + c];
                if (place < 0) place = a * p.kernel[1] + b;
                if (value > best || value != value) {
                    best = value;
                    place = a * p.kernel[1] + b;
                }
            }
        }
        y[i] = best;
        put_place(places, wide, i, place < 0 ? 0 : place);
    }
}

// Each input place gathers from the windows that contain it.
KERNEL(max_pool_backward, Pool p, int wide, const real* grad, const void* places, real* dx, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 c = i % p.channels, pixel = i / p.channels;
        int column = (int)(pixel % p.input[1]), row = (int)(pixel / p.input[1] % p.input[0]);
        i64 picture = pixel / p.input[1] / p.input[0];
        real sum = 0;
        for (int a = p.kernel[0] - 1; a >= 0; a--) {
            int h = row + p.padding[0] - a * p.dilation[0];
            if (h < 0 || h % p.stride[0] != 0 || h / p.stride[0] >= p.output[0]) continue;
            for (int b = p.kernel[1] - 1; b >= 0; b--) {
                int w = column + p.padding[1] - b * p.dilation[1];
                if (w < 0 || w % p.stride[1] != 0 || w / p.stride[1] >= p.output[1]) continue;
                i64 at = ((picture * p.output[0] + h / p.stride[0]) * p.output[1] + w / p.stride[1]) * p.channels + c;
                if (get_place(places, wide, at) == a * p.kernel[1] + b) sum += grad[at];
            }
        }
        dx[i] = sum;
    }
}

// Sums over the source places that each destination place has along each dimension, weighted by the source's and the sum's factors.
// `ranges` are starts and ends for rows, then for columns; `weights` those of source rows and columns, then of sums.
KERNEL(weighted_sums, const real* source, real* y, const int* ranges, const double* weights, int height, int width, int out_height,
       int out_width, i64 channels, i64 n) {
    const double *of_row = weights, *of_column = weights + height;
    const double *of_out_row = of_column + width, *of_out_column = of_out_row + out_height;
    for (i64 i = first(); i < n; i += step()) {
        i64 c = i % channels, pixel = i / channels;
        int column = (int)(pixel % out_width), row = (int)(pixel / out_width % out_height);
        i64 picture = pixel / out_width / out_height;
        const int *rows = ranges + 2 * row, *columns = ranges + 2 * (out_height + column);
        double sum = 0;
        for (int h = rows[0]; h < rows[1]; h++) {
            for (int w = columns[0]; w < columns[1]; w++) {
                sum += (double)source[((picture * height + h) * width + w) * channels + c] * (of_row[h] * of_column[w]);
            }
        }
        y[i] = (real)(sum * (of_out_row[row] * of_out_column[column]));
    }
}
