//! When Winograd's method is used: a switch for the process, and a model of what it costs.

use std::sync::OnceLock;

use super::transform::{POINTS, TAPS, TILE};
use crate::ops::{ConvMethod, ConvShape};

/// What `CONVOY_WINOGRAD` says: `on` (as where it is not set) or `off`; or why it says nothing.
pub fn winograd_switch() -> Result<bool, String> {
    let Some(value) = std::env::var_os("CONVOY_WINOGRAD") else { return Ok(true) };
    match value.to_str() {
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        _ => Err(format!("CONVOY_WINOGRAD={}: use on or off", value.to_string_lossy())),
    }
}

/// Whether 3x3 convolutions may take Winograd's method where it is faster, at two to three times the direct method's rounding error.
pub fn winograd_enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| winograd_switch().unwrap_or(true))
}

/// Whether the method computes this convolution at all.
fn fits(s: &ConvShape) -> bool {
    let o = &s.options;
    let channels = |n: usize| n > 0 && n.is_multiple_of(16);
    s.kernel == (3, 3) && o.stride == (1, 1) && o.dilation == (1, 1) && o.groups == 1 && channels(s.c) && channels(s.k)
}

/// What transforming the patch of a tile costs a channel, in multiply-adds of a matrix product; measured, as the next two.
const INPUT_COST: f64 = 360.0;

/// What transforming the products of a tile costs a channel.
const OUTPUT_COST: f64 = 250.0;

/// What transforming a filter of one input and one output channel costs: most of it goes to writing the 36 values.
const FILTER_COST: f64 = 260.0;

/// What has to be won for the rounding error that it costs.
const LEAST_GAIN: f64 = 1.1;

/// How much faster than the direct method, which leaves out taps in the padding, this one should be. Both scale alike with threads
/// and lanes.
fn gain(s: &ConvShape) -> f64 {
    let (c, k, images) = (s.c as f64, s.k as f64, s.n as f64);
    let pairs = inside_pairs(s.input.0, s.output.0, s.options.padding.0) * inside_pairs(s.input.1, s.output.1, s.options.padding.1);
    let tiles = images * (s.output.0.div_ceil(TILE) * s.output.1.div_ceil(TILE)) as f64;
    let winograd = tiles * (POINTS as f64 * c * k + INPUT_COST * c + OUTPUT_COST * k) + FILTER_COST * c * k;
    images * pairs as f64 * c * k / winograd
}

/// The pairs of an output and a tap, along one axis, that meet an input and not the padding.
fn inside_pairs(input: usize, output: usize, padding: usize) -> usize {
    let met = |tap: usize| output.min((input + padding).saturating_sub(tap)).saturating_sub(padding.saturating_sub(tap));
    (0..TAPS).map(met).sum()
}

/// Whether the method computes this convolution faster than the direct one, and may.
pub(in crate::cpu::conv2d) fn pays(s: &ConvShape) -> bool {
    s.options.method == ConvMethod::Fastest && fits(s) && gain(s) > LEAST_GAIN && winograd_enabled()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Conv2dOptions;

    fn shape(images: usize, channels: usize, size: usize) -> ConvShape {
        let options = Conv2dOptions { padding: (1, 1), ..Default::default() };
        ConvShape::new(&[images, channels, size, size], &[channels, channels, 3, 3], &options).unwrap()
    }

    #[test]
    fn pairs_are_those_that_a_walk_finds() {
        for (input, output, padding) in [(1, 1, 1), (2, 2, 1), (7, 7, 1), (5, 3, 0), (4, 8, 3), (1, 5, 3)] {
            let inside = |o: usize, tap: usize| (o + tap).checked_sub(padding).is_some_and(|i| i < input);
            let walked = (0..output).flat_map(|o| (0..TAPS).map(move |tap| (o, tap))).filter(|&(o, tap)| inside(o, tap)).count();
            assert_eq!(inside_pairs(input, output, padding), walked, "{input} {output} {padding}");
        }
    }

    #[test]
    fn pictures_with_many_tiles_pay_and_those_where_filters_dominate_do_not() {
        for (images, channels, size) in [(1, 64, 56), (1, 256, 14), (16, 512, 7), (32, 64, 8), (32, 128, 4)] {
            assert!(gain(&shape(images, channels, size)) > LEAST_GAIN, "{images} x {channels} x {size}");
        }
        for (images, channels, size) in [(1, 512, 7), (32, 256, 2), (128, 512, 1)] {
            assert!(gain(&shape(images, channels, size)) < LEAST_GAIN, "{images} x {channels} x {size}");
        }
    }
}
