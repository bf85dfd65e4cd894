//! What several test programs train on.

use std::sync::Arc;

use datasets::{Digits, Split};
use train::Data;

/// The bundled digits.
pub fn digits() -> Data {
    let transform = Arc::new(Digits::preset().transform().unwrap());
    Data {
        train: Arc::new(Digits::new(Split::Train).unwrap()),
        test: Arc::new(Digits::new(Split::Test).unwrap()),
        train_transform: Arc::clone(&transform),
        transform,
    }
}
