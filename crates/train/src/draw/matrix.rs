//! Confusion matrices: labels down, guesses along.

use std::collections::BTreeMap;

use datasets::Image;

use super::canvas::{Align, BLACK, Canvas, Color, WHITE, fitting, text_width};
use crate::Result;

/// The side of a cell in pixels, where there is room for it.
const CELL: usize = 48;
/// The side of the matrix in pixels that it does not exceed.
const MAX_SIDE: usize = 1200;
/// The smallest cell that a number is written in.
const NUMBERED: usize = 30;
/// The smallest cell that a class is named beside.
const NAMED: usize = 12;
/// Room for the name of an axis, and the most for the names of classes, in pixels.
const AXIS: usize = 40;
const MAX_NAME: f64 = 120.0;
const NAME_SIZE: f64 = 12.0;
const EDGE: usize = 40;
const FULL: Color = [8, 48, 107];

/// The confusion matrix of `counts` by label and guess, as counts or, `normalized`, as shares of each label's pictures.
pub fn confusion_matrix(counts: &BTreeMap<(usize, usize), usize>, names: &[String], normalized: bool) -> Result<Image> {
    let beyond = counts.keys().map(|&(label, guess)| label.max(guess) + 1).max().unwrap_or(0);
    let classes = names.len().max(beyond).max(1);
    let values = values(counts, normalized);
    // With more classes than pixels several share one.
    let cell = (MAX_SIDE / classes).clamp(1, CELL);
    let side = (cell * classes).min(MAX_SIDE);
    let margin = margin(names, classes);
    let place = |class: usize| margin + if classes > MAX_SIDE { class * MAX_SIDE / classes } else { class * cell };

    let mut canvas = Canvas::new(margin + side + EDGE, margin + side + EDGE);
    let largest = if normalized { 1.0 } else { values.values().copied().fold(1.0, f64::max) };
    for (&(label, guess), &value) in &values {
        let share = value / largest;
        canvas.fill((place(guess), place(label)), (cell, cell), shade(share));
        if cell >= NUMBERED {
            let text = if normalized { format!("{value:.2}") } else { value.to_string() };
            let color = if share > 0.5 { WHITE } else { BLACK };
            let middle = |class| (place(class) + cell / 2) as f64;
            canvas.text((middle(guess), middle(label) + 4.0), 12.0, Align::Middle, color, &text);
        }
    }
    frame(&mut canvas, margin, side);
    if cell >= NAMED {
        for class in 0..classes {
            let name = names.get(class).cloned().unwrap_or_else(|| class.to_string());
            write_name(&mut canvas, margin, (place(class) + cell / 2) as f64, &name);
        }
    }
    axes(&mut canvas, margin, side, normalized);
    canvas.into_image()
}

/// What is shown in each cell that is not empty.
fn values(counts: &BTreeMap<(usize, usize), usize>, normalized: bool) -> BTreeMap<(usize, usize), f64> {
    let mut sums = BTreeMap::<usize, usize>::new();
    for (&(label, _), count) in counts {
        *sums.entry(label).or_default() += count;
    }
    let whole = |label: usize| if normalized { sums.get(&label).copied().unwrap_or(1) } else { 1 };
    counts.iter().map(|(&(label, guess), &count)| ((label, guess), count as f64 / whole(label) as f64)).collect()
}

/// From white to dark blue.
fn shade(share: f64) -> Color {
    std::array::from_fn(|channel| (255.0 - share * (255.0 - f64::from(FULL[channel]))).round() as u8)
}

/// The room that the names need, and the names of the axes.
fn margin(names: &[String], classes: usize) -> usize {
    let number = classes.to_string();
    let widths = names.iter().chain([&number]).map(|name| text_width(NAME_SIZE, name).min(MAX_NAME));
    AXIS + widths.fold(0.0, f64::max).ceil() as usize
}

fn frame(canvas: &mut Canvas, margin: usize, side: usize) {
    let (near, far) = (margin as f64 - 0.5, (margin + side) as f64 + 0.5);
    let corners = [(near, near), (far, near), (far, far), (near, far), (near, near)];
    canvas.polyline(&corners, 1.0, BLACK);
}

/// Writes the name of a class beside its row and above its column.
fn write_name(canvas: &mut Canvas, margin: usize, middle: f64, name: &str) {
    let edge = margin as f64 - 6.0;
    let shown = fitting(NAME_SIZE, name, MAX_NAME);
    canvas.text((edge, middle + 4.0), NAME_SIZE, Align::End, BLACK, &shown);
    canvas.text_up((middle + 4.0, edge), NAME_SIZE, Align::Start, BLACK, &shown);
}

fn axes(canvas: &mut Canvas, margin: usize, side: usize, normalized: bool) {
    let middle = (margin + side / 2) as f64;
    let what = if normalized { "predicted (shares of each label)" } else { "predicted" };
    canvas.text((middle, (margin + side + 26) as f64), 14.0, Align::Middle, BLACK, what);
    canvas.text_up((20.0, middle), 14.0, Align::Middle, BLACK, "label");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normalised_row_adds_up_to_one() {
        let counts = BTreeMap::from([((0, 0), 3), ((0, 2), 1), ((1, 1), 5)]);
        let shares = values(&counts, true);
        assert_eq!(shares, BTreeMap::from([((0, 0), 0.75), ((0, 2), 0.25), ((1, 1), 1.0)]));
        assert_eq!(values(&counts, false)[&(1, 1)], 5.0);
    }

    /// The colour in the upper left of a cell of a matrix of few classes.
    fn cell(image: &Image, margin: usize, label: usize, guess: usize) -> Color {
        let (x, y) = (margin + guess * CELL + 3, margin + label * CELL + 3);
        image.data()[3 * (y * image.width() + x)..][..3].try_into().unwrap()
    }

    #[test]
    fn labels_go_down_and_guesses_along() {
        let names = ["cat".to_owned(), "dog".to_owned()];
        let image = confusion_matrix(&BTreeMap::from([((0, 1), 4), ((1, 1), 2)]), &names, false).unwrap();
        let cell = |label, guess| cell(&image, margin(&names, 2), label, guess);
        assert_eq!(cell(0, 1), FULL);
        assert_eq!(cell(1, 1), shade(0.5));
        assert_eq!((cell(0, 0), cell(1, 0)), (WHITE, WHITE));
    }

    #[test]
    fn any_number_of_classes_makes_a_picture_of_bounded_size() {
        for last in [0, 40, 1500, 1_000_000] {
            let image = confusion_matrix(&BTreeMap::from([((last, 0), 1)]), &[], true).unwrap();
            assert!(image.width() <= AXIS + MAX_NAME as usize + MAX_SIDE + EDGE, "{last}");
            let dark = image.data().chunks_exact(3).filter(|pixel| *pixel == FULL).count();
            assert!(dark > 0, "{last}");
        }
    }
}
