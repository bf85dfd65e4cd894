// As much of CUDA's language as the kernels use, in C++: a block's threads take turns, each on a stack of its own, and change at barriers.
#pragma once
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <tuple>
#include <ucontext.h>
#include <utility>
#include <vector>

struct dim3 {
    unsigned x, y, z;
};
static thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

#define __device__
#define __shared__ static thread_local
#define __align__(n) __attribute__((aligned(n)))
using std::erf;
using std::exp;
using std::fabs;
using std::log;
using std::pow;
using std::sqrt;
using std::tanh;

static inline unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)(((unsigned long long)a * b) >> 32);
}

namespace emulator {

typedef void (*Launcher)(void** arguments);

inline std::map<std::string, Launcher>& kernels() {
    static std::map<std::string, Launcher> all;
    return all;
}

struct Register {
    Register(const char* name, Launcher launcher) {
        kernels()[name] = launcher;
    }
};

template <class... P, size_t... I> void call(void (*kernel)(P...), void** arguments, std::index_sequence<I...>) {
    kernel(*(std::decay_t<P>*)arguments[I]...);
}
template <class... P> void call(void (*kernel)(P...), void** arguments) {
    call(kernel, arguments, std::index_sequence_for<P...>());
}

// One thread of the block that runs. It is started by ucontext and then changed to by longjmp, which asks nothing of the system.
struct Fiber {
    ucontext_t context;
    jmp_buf place;
    std::vector<char> stack;
    bool started, finished;
};

struct Block {
    std::vector<Fiber> fibers;
    ucontext_t start;
    jmp_buf scheduler;
    Launcher launcher;
    void** arguments;
    size_t current;
    bool met_barrier;
};
static thread_local Block block;

static void place(size_t thread) {
    threadIdx = {(unsigned)(thread % blockDim.x), (unsigned)(thread / blockDim.x % blockDim.y), (unsigned)(thread / blockDim.x / blockDim.y)};
}

static void body() {
    block.launcher(block.arguments);
    block.fibers[block.current].finished = true;
    _longjmp(block.scheduler, 1);
}

static void start(size_t thread) {
    Fiber& fiber = block.fibers[thread];
    fiber.stack.resize(1 << 17);
    fiber.started = fiber.finished = false;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, body, 0);
}

static void resume(size_t thread) {
    block.current = thread;
    place(thread);
    Fiber& fiber = block.fibers[thread];
    if (_setjmp(block.scheduler) != 0) return;
    if (fiber.started) _longjmp(fiber.place, 1);
    fiber.started = true;
    swapcontext(&block.start, &fiber.context);
}

static void fail(const char* what) {
    fprintf(stderr, "CUDA emulator: %s\n", what);
    abort();
}

// Runs one block. Where its first thread meets no barrier, none does, and the others need no stacks of their own.
static void run_block(size_t threads) {
    if (block.fibers.size() < threads) block.fibers.resize(threads);
    block.met_barrier = false;
    start(0);
    resume(0);
    if (!block.met_barrier) {
        for (size_t t = 1; t < threads; t++) {
            place(t);
            block.launcher(block.arguments);
            if (block.met_barrier) fail("a barrier that the block's first thread did not meet");
        }
        return;
    }
    for (size_t t = 1; t < threads; t++) {
        start(t);
        resume(t);
    }
    while (true) {
        size_t finished = 0;
        for (size_t t = 0; t < threads; t++) finished += block.fibers[t].finished;
        if (finished == threads) return;
        if (finished > 0) fail("some threads of a block wait at a barrier that others never meet");
        for (size_t t = 0; t < threads; t++) resume(t);
    }
}

}  // namespace emulator

static inline void __syncthreads() {
    emulator::block.met_barrier = true;
    if (_setjmp(emulator::block.fibers[emulator::block.current].place) == 0) _longjmp(emulator::block.scheduler, 1);
}

// mma.m16n8k8 of the PTX manual: the threads of a warp show each other their parts, and each computes its own four sums.
#define EMULATED
static inline void mma(float (&sums)[4], const float (&a)[4], const float (&b)[2]) {
    static thread_local float parts[8][32][6];
    unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    for (int i = 0; i < 4; i++) parts[warp][lane][i] = a[i];
    for (int i = 0; i < 2; i++) parts[warp][lane][4 + i] = b[i];
    __syncthreads();
    for (int i = 0; i < 4; i++) {
        unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        for (unsigned k = 0; k < 8; k++) {
            float x = parts[warp][row % 8 * 4 + k % 4][row / 8 + k / 4 * 2], y = parts[warp][column * 4 + k % 4][4 + k / 4];
            sums[i] += x * y;
        }
    }
    __syncthreads();
}
static inline void mma(double (&)[4], const double (&)[4], const double (&)[2]) {}

#define KERNEL(name, ...) \
    static void name(__VA_ARGS__); \
    static emulator::Register register_##name(PROGRAM "/" WIDTH_NAME "/" #name, [](void** arguments) { emulator::call(name, arguments); }); \
    static void name(__VA_ARGS__)
