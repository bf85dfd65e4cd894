//! Development only: the comparison of every operation and model with PyTorch.
