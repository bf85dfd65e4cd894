//! The pictures of a run: curves, confusion matrices, the hardest pictures.

mod canvas;
mod chart;
mod gallery;
mod matrix;

pub(super) use chart::curves;
pub(super) use gallery::gallery;
pub(super) use matrix::confusion;
