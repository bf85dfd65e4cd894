//! Pictures of results: curves, confusion matrices, the hardest pictures.

mod canvas;
mod chart;
mod gallery;
mod lr_chart;
mod matrix;

pub(crate) use chart::curves;
pub(crate) use gallery::gallery;
pub(crate) use lr_chart::lr_chart;
pub(crate) use matrix::confusion_matrix;
