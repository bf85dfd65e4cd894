//! When Winograd's method is used: a switch for the process, and a model of what it costs.

use std::sync::OnceLock;

use super::{
    grad_weight::GROUP,
    transform::{POINTS, TILE},
};
use crate::{
    BLOCK,
    cpu::conv2d::ConvPass,
    ops::{ConvMethod, ConvShape},
};

/// What `CONVOY_WINOGRAD` says: `on` (as where it is not set) or `off`; or why it says nothing.
pub fn winograd_switch() -> Result<bool, String> {
    let Some(value) = std::env::var_os("CONVOY_WINOGRAD") else { return Ok(true) };
    match value.to_str() {
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        _ => Err(format!("CONVOY_WINOGRAD={}: use on or off", value.to_string_lossy())),
    }
}

/// Whether 3x3 convolutions may take Winograd's method where it is faster, at about three times the direct method's rounding error.
pub fn winograd_enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| winograd_switch().unwrap_or(true))
}

/// Whether the method computes this pass at all.
fn fits(s: &ConvShape, pass: ConvPass) -> bool {
    let o = &s.options;
    let channels = |n: usize, of: usize| n > 0 && n.is_multiple_of(of);
    let outputs = if pass == ConvPass::GradWeight { BLOCK } else { 16 };
    s.kernel == (3, 3) && o.stride == (1, 1) && o.dilation == (1, 1) && o.groups == 1 && channels(s.c, 16) && channels(s.k, outputs)
}

/// What transforming the patch of a tile costs a channel, in multiply-adds of a matrix product; measured, as the next two.
pub(super) const INPUT_COST: f64 = 360.0;

/// What transforming the products of a tile costs a channel.
pub(super) const OUTPUT_COST: f64 = 250.0;

/// What transforming a filter of one input and one output channel costs: most of it goes to writing the 36 values.
pub(super) const FILTER_COST: f64 = 260.0;

/// What transforming a tile of gradients costs a channel.
const GRAD_COST: f64 = 300.0;

/// What transforming the sums of an input and an output channel costs, for each share of the tiles.
const WEIGHT_COST: f64 = 150.0;

/// What has to be won for the rounding error that it costs.
const LEAST_GAIN: f64 = 1.1;

/// How much faster than the direct method, which leaves out taps in the padding, this one should be. Both scale alike with threads
/// and lanes.
fn gain(s: &ConvShape, pass: ConvPass) -> f64 {
    let (c, k, images) = (s.c as f64, s.k as f64, s.n as f64);
    let tiles = images * (s.output.0.div_ceil(TILE) * s.output.1.div_ceil(TILE)) as f64;
    let transforms = match pass {
        ConvPass::GradWeight => {
            // Each task transforms the tiles of its own channels.
            let (inputs, outputs) = (s.c.div_ceil(GROUP) as f64, s.k.div_ceil(GROUP) as f64);
            tiles * (INPUT_COST * c * outputs + GRAD_COST * k * inputs) + WEIGHT_COST * c * k
        }
        ConvPass::Forward | ConvPass::GradInput => tiles * (INPUT_COST * c + OUTPUT_COST * k) + FILTER_COST * c * k,
    };
    s.inside_multiply_adds() as f64 / (tiles * POINTS as f64 * c * k + transforms)
}

/// Whether the method computes this pass: where it is asked for, or is faster than the direct one, and may.
pub(in crate::cpu::conv2d) fn applies(s: &ConvShape, pass: ConvPass) -> bool {
    let asked = || match s.options.method {
        ConvMethod::Winograd => true,
        ConvMethod::Fastest => gain(s, pass) > LEAST_GAIN,
        ConvMethod::Direct | ConvMethod::Bf16 => false,
    };
    fits(s, pass) && asked() && winograd_enabled()
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
    fn pictures_with_many_tiles_pay_and_those_where_filters_dominate_do_not() {
        for (images, channels, size) in [(1, 64, 56), (1, 256, 14), (16, 512, 7), (32, 64, 8), (32, 128, 4)] {
            assert!(gain(&shape(images, channels, size), ConvPass::Forward) > LEAST_GAIN, "{images} x {channels} x {size}");
        }
        for (images, channels, size) in [(1, 512, 7), (32, 256, 2), (128, 512, 1)] {
            assert!(gain(&shape(images, channels, size), ConvPass::Forward) < LEAST_GAIN, "{images} x {channels} x {size}");
        }
    }
}
