//! The binary as its users call it.

mod support;

mod bad_input;
mod bench;
mod book;
mod bundled;
mod cifar10;
#[cfg(feature = "cuda")]
mod device;
mod eval;
mod export;
mod help;
mod lr_find;
mod main_job;
mod models;
mod predict;
mod run_folder;
#[cfg(all(unix, feature = "serve"))]
mod serve;
mod summary;
mod web;
