// What all kernels share. They are compiled by NVRTC, or as C++ by the emulator, once for each width of REAL or ELEM that is used.

typedef long long i64;
typedef unsigned char u8;
typedef unsigned int u32;

#if defined(REAL) && REAL == 64
typedef double real;
#else
typedef float real;
#endif

// At most 256 threads a block, at least BLOCKS of them at once.
#ifndef BLOCKS
#define BLOCKS 1
#endif
#ifndef KERNEL
#define KERNEL(name, ...) extern "C" __global__ void __launch_bounds__(256, BLOCKS) name(__VA_ARGS__)
#endif

// Four numbers that lie together, aligned to 16 bytes.
struct __align__(16) real4 {
    real v[4];
};

#define INF ((double)bits_to_float(0x7f800000))

// The most dimensions that differ in their steps.
#define RANK 8

// A whole number to divide by, as a multiplication: Granlund and Montgomery, "Division by invariant integers", 1994. Below 2^31.
struct Divisor {
    u32 value, factor, shift;
};

__device__ inline u32 quotient(u32 n, Divisor d) {
    return (__umulhi(n, d.factor) + n) >> d.shift;
}

// The element of this thread among all threads, and the step to its next.
__device__ inline i64 first() {
    return (i64)blockIdx.x * blockDim.x + threadIdx.x;
}
__device__ inline i64 step() {
    return (i64)gridDim.x * blockDim.x;
}

// NaN where either is, as PyTorch's maximum and minimum.
template <class T> __device__ inline T maximum(T a, T b) {
    return a > b || a != a ? a : b;
}
template <class T> __device__ inline T minimum(T a, T b) {
    return a < b || a != a ? a : b;
}

__device__ inline float bits_to_float(u32 bits) {
    union {
        u32 bits;
        float value;
    } both = {bits};
    return both.value;
}
__device__ inline u32 float_to_bits(float value) {
    union {
        float value;
        u32 bits;
    } both = {value};
    return both.bits;
}

// Rounds to the nearest bf16, ties to even; the result's upper half.
__device__ inline u32 bf16_bits(float value) {
    u32 bits = float_to_bits(value);
    if (value != value) return (bits >> 16) | 0x40;
    return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
__device__ inline float to_bf16(float value) {
    return bits_to_float(bf16_bits(value) << 16);
}

// Rounds to the 10 bits behind the point that TF32 has.
__device__ inline float to_tf32(float value) {
    return value - value != 0 ? value : bits_to_float((float_to_bits(value) + 0x1000) & 0xffffe000);
}

// The sum over a block of 256 threads, in an order that depends on nothing; every thread gets it.
__device__ inline double block_sum(double value, double* shared) {
    __syncthreads();
    shared[threadIdx.x] = value;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if ((int)threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    return shared[0];
}
__device__ inline double block_max(double value, double* shared) {
    __syncthreads();
    shared[threadIdx.x] = value;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if ((int)threadIdx.x < half) shared[threadIdx.x] = maximum(shared[threadIdx.x], shared[threadIdx.x + half]);
        __syncthreads();
    }
    return shared[0];
}
