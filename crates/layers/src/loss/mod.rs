//! Loss functions.

mod cross_entropy;
mod one_hot;

pub use cross_entropy::CrossEntropyLoss;
pub use one_hot::one_hot;
