//! Image data sets, transforms and the batch loader.
