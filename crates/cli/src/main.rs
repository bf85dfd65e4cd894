//! The convoy command line.
fn main() {}
