//! Where the workspace lies.

use std::path::PathBuf;

/// The workspace's root, as it was when xtask was compiled: cargo rebuilds xtask when the folder moves.
pub fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(PathBuf::from).unwrap_or(xtask)
}
