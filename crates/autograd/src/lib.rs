//! Reverse-mode gradients over the operations of the tensor crate.
