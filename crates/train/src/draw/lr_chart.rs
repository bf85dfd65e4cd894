//! The losses of a learning-rate range test over the rates.

use datasets::Image;

use super::{
    canvas::{Canvas, Color, GRAY},
    chart::{Axes, BLUE, GREEN, ORANGE},
};
use crate::{LrFind, Result};

const SIZE: (usize, usize) = (780, 420);

/// The smoothed loss over the learning rate, which grows by powers of ten, with lines at the suggested rates.
pub fn lr_chart(find: &LrFind) -> Result<Image> {
    let points = || find.points.iter().map(|point| (point.learning_rate.log10(), point.smoothed_loss));
    let axes = Axes::new((0.0, 0.0), SIZE, points().map(|(x, _)| x), points().map(|(_, y)| y));
    let mut canvas = Canvas::new(SIZE.0, SIZE.1);
    axes.draw(&mut canvas, "loss, smoothed, by learning rate", |power, _| (power.fract() == 0.0).then(|| format!("1e{power}")));
    let suggestions: [(&str, Option<f64>, Color); 2] = [("valley", find.valley(), GREEN), ("steepest", find.steepest(), ORANGE)];
    for (number, (name, learning_rate, color)) in suggestions.into_iter().enumerate() {
        if let Some(learning_rate) = learning_rate {
            axes.mark(&mut canvas, learning_rate.log10(), color);
        }
        axes.key(&mut canvas, suggestions.len() - number, name, if learning_rate.is_some() { color } else { GRAY });
    }
    axes.curve(&mut canvas, points(), BLUE);
    canvas.into_image()
}
