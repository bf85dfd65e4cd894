//! The binary as its users call it.

mod support;

mod bad_input;
mod bench;
mod bundled;
mod cifar10;
mod export;
mod main_job;
mod models;
mod run_folder;
mod summary;
mod web;
