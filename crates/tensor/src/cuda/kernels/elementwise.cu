// Functions of one and of two numbers, element by element, and what optimisers do to parameters.

KERNEL(unary, Function f, const real* x, real* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) y[i] = value(f, x[i]);
}

KERNEL(unary_backward, Function f, const real* g, const real* saved, real* dx, i64 n) {
    for (i64 i = first(); i < n; i += step()) dx[i] = gradient(f, g[i], saved[i]);
}

__device__ inline real combined(int op, real a, real b) {
    switch (op) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a / b;
    case 4: return maximum(a, b);
    default: return minimum(a, b);
    }
}

KERNEL(binary_flat, int op, const real* a, const real* b, real* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) y[i] = combined(op, a[i], b[i]);
}

KERNEL(binary, int op, Walk<2> walk, const real* a, const real* b, real* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        i64 at[2];
        offsets(walk, i, at);
        y[i] = combined(op, a[at[0]], b[at[1]]);
    }
}

// a = keep * a + take * b
KERNEL(blend, double keep, double take, real* a, const real* b, i64 n) {
    for (i64 i = first(); i < n; i += step()) a[i] = (real)keep * a[i] + (real)take * b[i];
}

KERNEL(masked_scale, double scale, const real* x, const u8* mask, real* y, i64 n) {
    for (i64 i = first(); i < n; i += step()) y[i] = mask[i] != 0 ? x[i] * (real)scale : (real)0;
}

KERNEL(sgd, double lr, double momentum, double undamped, double decay, int nesterov, int begins, real* p, const real* grad, real* buffer,
       i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        real g = grad[i] + (real)decay * p[i];
        if (buffer) {
            real m = begins ? g : (real)momentum * buffer[i] + (real)undamped * g;
            buffer[i] = m;
            g = nesterov ? g + (real)momentum * m : m;
        }
        p[i] = p[i] - (real)lr * g;
    }
}

KERNEL(adam, double shrink, double decay, double eps, double beta2, double new1, double new2, double step_size, double root, real* p,
       const real* grad, real* mean, real* square, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        real g = grad[i] + (real)decay * p[i];
        real m = mean[i] + (real)new1 * (g - mean[i]);
        real s = (real)beta2 * square[i] + (real)new2 * g * g;
        mean[i] = m;
        square[i] = s;
        p[i] = (real)shrink * p[i] - (real)step_size * (m / (sqrt(s) / (real)root + (real)eps));
    }
}

KERNEL(rmsprop, double lr, double alpha, double new_share, double eps, double decay, double momentum, real* p, const real* grad,
       real* square, real* buffer, i64 n) {
    for (i64 i = first(); i < n; i += step()) {
        real g = grad[i] + (real)decay * p[i];
        real s = (real)alpha * square[i] + (real)new_share * g * g;
        square[i] = s;
        g = g / (sqrt(s) + (real)eps);
        if (buffer) {
            g = (real)momentum * buffer[i] + g;
            buffer[i] = g;
        }
        p[i] = p[i] - (real)lr * g;
    }
}
