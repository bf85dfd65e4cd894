//! The curves of a run: losses, accuracies, learning rate and speed over the epochs.

use datasets::Image;

use super::canvas::{Align, BLACK, Canvas, Color, GRAY};
use crate::{Result, run::results::Row};

/// A chart of some columns of the results.
struct Panel {
    title: &'static str,
    /// Column, name and colour of each line.
    lines: &'static [(usize, &'static str, Color)],
}

const BLUE: Color = [31, 119, 180];
const ORANGE: Color = [255, 127, 14];
const GREEN: Color = [44, 160, 44];

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
pub fn curves(rows: &[Row]) -> Result<Image> {
    let mut canvas = Canvas::new(2 * PANEL.0, 2 * PANEL.1);
    for (number, panel) in PANELS.iter().enumerate() {
        let corner = ((number % 2 * PANEL.0) as f64, (number / 2 * PANEL.1) as f64);
        draw(&mut canvas, corner, panel, rows);
    }
    canvas.into_image()
}

fn draw(canvas: &mut Canvas, (left, top): (f64, f64), panel: &Panel, rows: &[Row]) {
    let (right, bottom) = (left + PANEL.0 as f64 - MARGIN.right, top + PANEL.1 as f64 - MARGIN.bottom);
    let (left, top) = (left + MARGIN.left, top + MARGIN.top);
    let values = || panel.lines.iter().flat_map(|&(column, ..)| rows.iter().map(move |row| row[column]));
    let up = Scale::over(values(), (bottom, top));
    let along = Scale::over(rows.iter().map(|row| row[0]), (left, right));

    for (tick, label) in up.ticks() {
        canvas.line((left, up.place(tick)), (right, up.place(tick)), 1.0, GRAY);
        canvas.text((left - 6.0, up.place(tick) + 4.0), TEXT, Align::End, BLACK, &label);
    }
    for (tick, label) in along.ticks().into_iter().filter(|(tick, _)| tick.fract() == 0.0) {
        canvas.line((along.place(tick), bottom), (along.place(tick), bottom + 4.0), 1.0, BLACK);
        canvas.text((along.place(tick), bottom + 18.0), TEXT, Align::Middle, BLACK, &label);
    }
    canvas.text((left, top - 12.0), TITLE, Align::Start, BLACK, panel.title);
    for (number, &(column, name, color)) in panel.lines.iter().enumerate() {
        let points: Vec<(f64, f64)> = rows.iter().map(|row| (along.place(row[0]), up.place(row[column]))).collect();
        canvas.polyline(&points, 2.0, color);
        let x = right - 90.0 * (panel.lines.len() - number) as f64;
        canvas.line((x, top - 17.0), (x + 16.0, top - 17.0), 2.0, color);
        canvas.text((x + 20.0, top - 12.0), TEXT, Align::Start, BLACK, name);
    }
    canvas.line((left, bottom), (right, bottom), 1.0, BLACK);
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
