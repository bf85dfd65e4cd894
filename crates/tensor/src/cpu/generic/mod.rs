//! Plain Rust kernels over any float: what f64 computes with, and the twins that tests compare the vector kernels with.

pub(crate) mod conv2d;
