// All kernels as one library that runs them on the processor: `emulator_find` finds one by program, width and name, `emulator_run` runs it.
#include "shim.h"

#define REAL 32
#define WIDTH_NAME "32"
namespace real32 {
#include "programs.h"
}
#undef REAL
#undef WIDTH_NAME

#define REAL 64
#define WIDTH_NAME "64"
namespace real64 {
#include "programs.h"
}
#undef REAL
#undef WIDTH_NAME

#define PROGRAM "copy"
#define COPIES(bytes) namespace copy##bytes
#define ELEM 1
#define WIDTH_NAME "1"
COPIES(1) {
#include "copies.h"
}
#undef ELEM
#undef WIDTH_NAME
#define ELEM 2
#define WIDTH_NAME "2"
COPIES(2) {
#include "copies.h"
}
#undef ELEM
#undef WIDTH_NAME
#define ELEM 4
#define WIDTH_NAME "4"
COPIES(4) {
#include "copies.h"
}
#undef ELEM
#undef WIDTH_NAME
#define ELEM 8
#define WIDTH_NAME "8"
COPIES(8) {
#include "copies.h"
}

extern "C" const void* emulator_find(const char* name) {
    auto found = emulator::kernels().find(name);
    return found == emulator::kernels().end() ? nullptr : (const void*)found->second;
}

extern "C" void emulator_run(const void* kernel, const int* grid, const int* block, void** arguments) {
    gridDim = {(unsigned)grid[0], (unsigned)grid[1], (unsigned)grid[2]};
    blockDim = {(unsigned)block[0], (unsigned)block[1], (unsigned)block[2]};
    if (grid[0] < 1 || grid[1] < 1 || grid[2] < 1 || grid[1] > 65535 || grid[2] > 65535) emulator::fail("a grid that CUDA refuses");
    emulator::block.launcher = (emulator::Launcher)kernel;
    emulator::block.arguments = arguments;
    for (unsigned z = 0; z < gridDim.z; z++) {
        for (unsigned y = 0; y < gridDim.y; y++) {
            for (unsigned x = 0; x < gridDim.x; x++) {
                blockIdx = {x, y, z};
                emulator::run_block((size_t)block[0] * block[1] * block[2]);
            }
        }
    }
}
