// Functions of one number and their gradients; the numbers are those of `Function` in unary.rs.

struct Function {
    int op, unused;
    double p, q;
};

__device__ inline real clamped(real x, real low, real high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

__device__ inline real sigmoid(real x) {
    return (real)1 / ((real)1 + exp(-x));
}

__device__ inline real normal_distribution(real x) {
    return (real)0.5 * ((real)1 + erf(x * (real)0.70710678118654752440));
}

__device__ inline real value(Function f, real x) {
    switch (f.op) {
    case 1: return -x;
    case 2: return fabs(x);
    case 3: return exp(x);
    case 4: return log(x);
    case 5: return sqrt(x);
    case 6: return tanh(x);
    case 7: return sigmoid(x);
    case 8: return x < 0 ? (real)0 : x;
    case 9: return x * normal_distribution(x);
    case 10: return x * clamped(x + 3, 0, 6) * (real)(1.0 / 6.0);
    case 11: return clamped(x + 3, 0, 6) * (real)(1.0 / 6.0);
    case 12: return x * sigmoid(x);
    case 13: return clamped(x, (real)f.p, (real)f.q);
    case 14: return x * (real)f.p + (real)f.q;
    case 15: return x * x;
    case 16: return pow(x, (real)f.p);
    default: return x;
    }
}

// 1 between the bounds, 0 at them and beyond.
__device__ inline real inside(real x, real low, real high) {
    return x <= low || x >= high ? (real)0 : (real)1;
}

// The gradient g of the result carried back to the operand, from the operand or the result, as `Unary::saved` says.
__device__ inline real gradient(Function f, real g, real x) {
    switch (f.op) {
    case 1: return -g;
    case 2: return g * (x > 0 ? (real)1 : x < 0 ? (real)-1 : x);
    case 3: return g * x;
    case 4: return g / x;
    case 5: return g / (x + x);
    case 6: return g * ((real)1 - x * x);
    case 7: return g * x * ((real)1 - x);
    case 8: return x <= 0 ? (real)0 : g;
    case 9: return g * (normal_distribution(x) + x * (real)0.39894228040143267794 * exp((real)-0.5 * x * x));
    case 10: return g * (x <= -3 ? (real)0 : x >= 3 ? (real)1 : x * (real)(1.0 / 3.0) + (real)0.5);
    case 11: return g * inside(x, -3, 3) * (real)(1.0 / 6.0);
    case 12: {
        real s = sigmoid(x);
        return g * s * ((real)1 + x * ((real)1 - s));
    }
    case 13: return g * inside(x, (real)f.p, (real)f.q);
    case 14: return g * (real)f.p;
    case 15: return g * (x + x);
    case 16: return f.p == 0 ? g * (real)0 : g * (real)f.p * pow(x, (real)f.p - (real)1);
    default: return g;
    }
}
