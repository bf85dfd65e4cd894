//! The sources of the kernels, and how they are put together to programs.

/// Kernels that are compiled together, once for each width that is used.
#[derive(Debug)]
pub(super) struct Program {
    pub name: &'static str,
    /// The source in pieces.
    pub source: &'static [&'static str],
    /// What the width is a definition of: REAL, the bits of a float, or ELEM, the bytes of an element.
    pub width: &'static str,
    /// More options of the compiler.
    pub options: &'static [&'static str],
}

const COMMON: &str = include_str!("kernels/common.cuh");
const FUNCTIONS: &str = include_str!("kernels/functions.cuh");
const WALK: &str = include_str!("kernels/walk.cuh");
const GEMM: &str = include_str!("kernels/gemm.cuh");
const CONV: &str = include_str!("kernels/conv.cuh");
const CONV_TILES: &[&str] = &[COMMON, GEMM, include_str!("kernels/tensor_cores.cuh"), CONV, include_str!("kernels/conv.cu")];

const fn program(name: &'static str, source: &'static [&'static str]) -> Program {
    Program { name, source, width: "REAL", options: &[] }
}

const fn conv(name: &'static str, options: &'static [&'static str]) -> Program {
    Program { name, source: CONV_TILES, width: "REAL", options }
}

pub(super) static ELEMENTWISE: Program = program("elementwise", &[COMMON, FUNCTIONS, WALK, include_str!("kernels/elementwise.cu")]);
pub(super) static TYPED: Program = program("typed", &[COMMON, WALK, include_str!("kernels/typed.cu")]);
pub(super) static COPY: Program =
    Program { name: "copy", source: &[COMMON, WALK, include_str!("kernels/copy.cu")], width: "ELEM", options: &[] };
pub(super) static REDUCE: Program = program("reduce", &[COMMON, WALK, include_str!("kernels/reduce.cu")]);
pub(super) static ROWS: Program = program("rows", &[COMMON, include_str!("kernels/rows.cu")]);
pub(super) static BATCH_NORM: Program = program("batch_norm", &[COMMON, include_str!("kernels/batch_norm.cu")]);
pub(super) static POOL: Program = program("pool", &[COMMON, include_str!("kernels/pool.cu")]);
pub(super) static CONV_FORWARD: Program = conv("conv_forward", &["-DPASS=1", "-DBLOCKS=2"]);
pub(super) static CONV_GRAD_INPUT: Program = conv("conv_grad_input", &["-DPASS=2", "-DBLOCKS=2"]);
pub(super) static CONV_GRAD_WEIGHT: Program = conv("conv_grad_weight", &["-DPASS=3", "-DBLOCKS=2"]);
pub(super) static CONV_FORWARD_TENSOR_CORES: Program = conv("conv_forward_tensor_cores", &["-DPASS=1", "-DBLOCKS=2", "-DTENSOR_CORES"]);
pub(super) static CONV_GRAD_INPUT_TENSOR_CORES: Program =
    conv("conv_grad_input_tensor_cores", &["-DPASS=2", "-DBLOCKS=2", "-DTENSOR_CORES"]);
pub(super) static CONV_GRAD_WEIGHT_TENSOR_CORES: Program =
    conv("conv_grad_weight_tensor_cores", &["-DPASS=3", "-DBLOCKS=2", "-DTENSOR_CORES"]);
pub(super) static CONV_DIRECT: Program = program("conv_direct", &[COMMON, CONV, include_str!("kernels/conv_direct.cu")]);
pub(super) static MATMUL: Program = program("matmul", &[COMMON, GEMM, include_str!("kernels/matmul.cu")]);

/// All programs, each with the widths that it may be compiled for.
#[cfg(test)]
pub(super) static ALL: &[(&Program, &[u32])] = &[
    (&ELEMENTWISE, &[32, 64]),
    (&TYPED, &[32]),
    (&COPY, &[1, 2, 4, 8]),
    (&REDUCE, &[32, 64]),
    (&ROWS, &[32, 64]),
    (&BATCH_NORM, &[32, 64]),
    (&POOL, &[32, 64]),
    (&CONV_FORWARD, &[32, 64]),
    (&CONV_GRAD_INPUT, &[32, 64]),
    (&CONV_GRAD_WEIGHT, &[32, 64]),
    (&CONV_FORWARD_TENSOR_CORES, &[32]),
    (&CONV_GRAD_INPUT_TENSOR_CORES, &[32]),
    (&CONV_GRAD_WEIGHT_TENSOR_CORES, &[32]),
    (&CONV_DIRECT, &[32, 64]),
    (&MATMUL, &[32, 64]),
];
