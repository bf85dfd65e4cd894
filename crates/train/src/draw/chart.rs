//! The curves of a run: losses, accuracies, learning rate and speed over the epochs.

use datasets::Image;

use super::canvas::{Align, BLACK, Canvas, Color, GRAY};
use crate::{Result, run::COLUMNS};

/// A chart of some columns of the results.
struct Panel {
    title: &'static str,
    /// Column, name and colour of each line.
    lines: &'static [(usize, &'static str, Color)],
}

pub(super) const BLUE: Color = [31, 119, 180];
pub(super) const ORANGE: Color = [255, 127, 14];
pub(super) const GREEN: Color = [44, 160, 44];

/// The columns are those of [`COLUMNS`](crate::run::COLUMNS).
const PANELS: [Panel; 4] = [
    Panel { title: "loss", lines: &[(2, "train", BLUE), (4, "val", ORANGE)] },
    Panel { title: "accuracy", lines: &[(3, "train", BLUE), (5, "val top-1", ORANGE), (6, "val top-5", GREEN)] },
    Panel { title: "learning rate", lines: &[(7, "lr", BLUE)] },
    Panel { title: "images per second", lines: &[(8, "train", BLUE)] },
];

/// Width and height of a chart with its margins, in pixels.
const PANEL: (usize, usize) = (520, 360);
const MARGIN: Margin = Margin { left: 70.0, right: 20.0, top: 40.0, bottom: 36.0 };
const TEXT: f64 = 13.0;
const TITLE: f64 = 16.0;
/// About so many lines of a scale.
const TICKS: f64 = 5.0;

struct Margin {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// The charts, two and two.
pub fn curves(rows: &[[f64; COLUMNS.len()]]) -> Result<Image> {
    let mut canvas = Canvas::new(2 * PANEL.0, 2 * PANEL.1);
    for (number, panel) in PANELS.iter().enumerate() {
        let corner = ((number % 2 * PANEL.0) as f64, (number / 2 * PANEL.1) as f64);
        draw(&mut canvas, corner, panel, rows);
    }
    canvas.into_image()
}

fn draw(canvas: &mut Canvas, corner: (f64, f64), panel: &Panel, rows: &[[f64; COLUMNS.len()]]) {
    let values = panel.lines.iter().flat_map(|&(column, ..)| rows.iter().map(move |row| row[column]));
    let axes = Axes::new(corner, PANEL, rows.iter().map(|row| row[0]), values);
    axes.draw(canvas, panel.title, |epoch, label| (epoch.fract() == 0.0).then(|| label.to_owned()));
    for (number, &(column, name, color)) in panel.lines.iter().enumerate() {
        axes.curve(canvas, rows.iter().map(|row| (row[0], row[column])), color);
        axes.key(canvas, panel.lines.len() - number, name, color);
    }
}

/// The axes of a chart.
pub(super) struct Axes {
    along: Scale,
    up: Scale,
}

impl Axes {
    /// Axes for these values in a rectangle of this size, margins included.
    pub fn new(
        (left, top): (f64, f64),
        (width, height): (usize, usize),
        along: impl Iterator<Item = f64>,
        up: impl Iterator<Item = f64>,
    ) -> Self {
        let (right, bottom) = (left + width as f64 - MARGIN.right, top + height as f64 - MARGIN.bottom);
        Axes { along: Scale::over(along, (left + MARGIN.left, right)), up: Scale::over(up, (bottom, top + MARGIN.top)) }
    }

    /// Draws them with a title. `name` says what stands at a tick along, given its value and the usual text, or leaves it out.
    pub fn draw(&self, canvas: &mut Canvas, title: &str, name: impl Fn(f64, &str) -> Option<String>) {
        let ((left, right), (bottom, top)) = (self.along.pixels, self.up.pixels);
        for (tick, label) in self.up.ticks() {
            canvas.line((left, self.up.place(tick)), (right, self.up.place(tick)), 1.0, GRAY);
            canvas.text((left - 6.0, self.up.place(tick) + 4.0), TEXT, Align::End, BLACK, &label);
        }
        for (tick, label) in self.along.ticks() {
            if let Some(label) = name(tick, &label) {
                canvas.line((self.along.place(tick), bottom), (self.along.place(tick), bottom + 4.0), 1.0, BLACK);
                canvas.text((self.along.place(tick), bottom + 18.0), TEXT, Align::Middle, BLACK, &label);
            }
        }
        canvas.text((left, top - 12.0), TITLE, Align::Start, BLACK, title);
        canvas.line((left, bottom), (right, bottom), 1.0, BLACK);
    }

    /// Draws a curve through points.
    pub fn curve(&self, canvas: &mut Canvas, points: impl Iterator<Item = (f64, f64)>, color: Color) {
        let points: Vec<(f64, f64)> = points.map(|(x, y)| (self.along.place(x), self.up.place(y))).collect();
        canvas.polyline(&points, 2.0, color);
    }

    /// Draws a line up at a place.
    pub fn mark(&self, canvas: &mut Canvas, x: f64, color: Color) {
        canvas.line((self.along.place(x), self.up.pixels.0), (self.along.place(x), self.up.pixels.1), 1.5, color);
    }

    /// Names a colour above the chart, as the `place`-th from the right.
    pub fn key(&self, canvas: &mut Canvas, place: usize, name: &str, color: Color) {
        let (x, top) = (self.along.pixels.1 - 90.0 * place as f64, self.up.pixels.1);
        canvas.line((x, top - 17.0), (x + 16.0, top - 17.0), 2.0, color);
        canvas.text((x + 20.0, top - 12.0), TEXT, Align::Start, BLACK, name);
    }
}

/// Between values and pixels.
struct Scale {
    values: (f64, f64),
    pixels: (f64, f64),
    /// The distance of two ticks.
    step: f64,
}

impl Scale {
    /// A scale whose ends are ticks and lie around all values.
    fn over(values: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Self {
        let (mut least, mut largest) = values
            .filter(|value| value.is_finite())
            .fold((f64::MAX, f64::MIN), |(least, largest), value| (least.min(value), largest.max(value)));
        if least > largest {
            (least, largest) = (0.0, 1.0);
        }
        // Values that are all the same, or nearly, get room around them.
        if largest - least <= 1e-9 * largest.abs() {
            let room = if largest == 0.0 { 1.0 } else { largest.abs() * 0.5 };
            (least, largest) = (least - room, largest + room);
        }
        let step = round_step((largest - least) / TICKS);
        Scale { values: ((least / step).floor() * step, (largest / step).ceil() * step), pixels, step }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value - self.values.0) / (self.values.1 - self.values.0);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// The ticks and what stands beside them.
    fn ticks(&self) -> Vec<(f64, String)> {
        let count = ((self.values.1 - self.values.0) / self.step).round() as usize;
        let first = (self.values.0 / self.step).round();
        // Whole multiples, so that no rounding error shows.
        (0..=count).map(|number| (first + number as f64) * self.step).map(|tick| (tick, self.label(tick))).collect()
    }

    fn label(&self, tick: f64) -> String {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let scientific = decimals > 4 || self.step >= 1e6;
        if scientific && tick != 0.0 { format!("{tick:.1e}") } else { format!("{tick:.0$}", if scientific { 0 } else { decimals }) }
    }
}

/// The next larger 1, 2 or 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[f64]) -> Vec<String> {
        Scale::over(values.iter().copied(), (0.0, 100.0)).ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn scales_end_at_round_numbers_around_all_values() {
        assert_eq!(labels(&[0.12, 0.97, f64::NAN]), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&[1.0, 10.0]), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(&[812.0, 1043.0]), ["800", "850", "900", "950", "1000", "1050"]);
        assert_eq!(labels(&[0.0, 2e-6])[1], "5.0e-7");
        assert!(labels(&[0.001]).len() > 2 && labels(&[]).len() > 2 && labels(&[0.0, 0.0]).len() > 2);
    }

    #[test]
    fn curves_are_drawn_in_their_colours() {
        let row = |epoch: f64| [epoch, 1.0, 1.0 / epoch, 0.5, 1.2 / epoch, 0.6, f64::NAN, 0.1, 900.0];
        for rows in [vec![row(1.0)], (1..=5).map(|epoch| row(f64::from(epoch))).collect()] {
            let image = curves(&rows).unwrap();
            let has = |color: Color| image.data().chunks_exact(3).any(|pixel| pixel == color);
            assert!(has(BLUE) && has(ORANGE), "{} rows", rows.len());
        }
    }
}
