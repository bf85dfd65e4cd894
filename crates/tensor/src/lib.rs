//! Tensors for convolutional networks: shapes, storage and the CPU kernels.
#![allow(unsafe_code)]
