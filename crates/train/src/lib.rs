//! The training loop, metrics and evaluation.
