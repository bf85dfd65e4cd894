//! Pillow's `Resample.c`: a separable filter in fixed point, along the rows and along the columns.

mod interleave;
mod passes;
mod taps;

use std::ops::Range;

use passes::{along_columns, along_rows};
use taps::Taps;

pub(super) use taps::Filter;

use crate::Image;
use crate::image::CHANNELS;

/// Columns and rows of a picture, at least one of each.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) columns: Range<usize>,
    pub(super) rows: Range<usize>,
}

/// The `part` of what `image` becomes when it is resized to `width` x `height` with an antialiasing filter.
pub(super) fn resample(image: &Image, width: usize, height: usize, part: &Part, filter: Filter) -> Image {
    let column_taps = Taps::new(filter, image.width(), width, part.columns.clone());
    let row_taps = Taps::new(filter, image.height(), height, part.rows.clone());
    let columns = column_taps.sources();
    let bytes = columns.start * CHANNELS..columns.end * CHANNELS;
    let rows: Vec<&[u8]> =
        image.rows().skip(row_taps.sources().start).take(row_taps.sources().len()).map(|row| &row[bytes.clone()]).collect();

    let data = if columns_come_first(image, width, height) {
        let data = along_columns(&rows, &row_taps);
        let rows: Vec<&[u8]> = data.chunks_exact(bytes.len()).collect();
        along_rows(&rows, &column_taps)
    } else {
        let data = along_rows(&rows, &column_taps);
        let rows: Vec<&[u8]> = data.chunks_exact(part.columns.len() * CHANNELS).collect();
        along_columns(&rows, &row_taps)
    };
    Image::from_parts(part.columns.len(), part.rows.len(), data).with_max_value(image.max_value())
}

/// Pillow 13's order of the passes; earlier versions begin with the rows always, and differ by a level where this is true.
fn columns_come_first(image: &Image, width: usize, height: usize) -> bool {
    let shrinks_by = |from: usize, to: usize| from as i64 - to as i64;
    let (by_height, by_width) = (shrinks_by(image.height(), height), shrinks_by(image.width(), width));
    by_height > 0 && by_height > 2 * by_width
}

/// The `part` of what `image` becomes when it is resized to `width` x `height` by taking the nearest pixels.
pub(super) fn nearest(image: &Image, width: usize, height: usize, part: &Part) -> Image {
    let columns = &nearest_positions(image.width(), width)[part.columns.clone()];
    let rows = &nearest_positions(image.height(), height)[part.rows.clone()];
    let mut data = Vec::with_capacity(columns.len() * rows.len() * CHANNELS);
    for row in rows {
        let (pixels, _) = image.data()[row * image.row_len()..][..image.row_len()].as_chunks();
        data.extend(columns.iter().flat_map(|&column| -> [u8; CHANNELS] { pixels[column] }));
    }
    Image::from_parts(columns.len(), rows.len(), data).with_max_value(image.max_value())
}

/// The source position under the centre of each target position, with the rounding of Pillow's running sum.
fn nearest_positions(source: usize, target: usize) -> Vec<usize> {
    let scale = source as f64 / target as f64;
    let mut center = scale * 0.5;
    let mut positions = Vec::with_capacity(target);
    for _ in 0..target {
        positions.push((center as usize).min(source - 1));
        center += scale;
    }
    positions
}
