//! torchvision's convolutional networks, their weights and checkpoint formats.
