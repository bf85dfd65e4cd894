//! The geometry of windows that slide over a picture.

use std::ops::Range;

use crate::{Error, Result};

/// The largest kernel, stride, dilation or output size: far above any in use, and small enough that no product of sizes overflows.
pub(super) const LIMIT: usize = 1 << 15;

/// How a window slides along one dimension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slide {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
}

impl Slide {
    /// The positions of a pooling window over `input` places, by PyTorch's rules: the padding is at most half of the kernel, and
    /// with `ceil_mode` a last window may reach over the end if it starts inside the input or the padding before it.
    pub(super) fn positions(self, op: &'static str, input: usize, ceil_mode: bool) -> Result<usize> {
        let Slide { kernel, stride, padding, dilation } = self;
        if [kernel, stride, dilation].iter().any(|n| !(1..=LIMIT).contains(n)) {
            return Err(Error::argument(
                op,
                format!("kernel {kernel}, stride {stride} and dilation {dilation} must lie within 1 and {LIMIT}"),
            ));
        }
        let span = (kernel - 1) * dilation + 1;
        if padding > kernel / 2 {
            return Err(Error::argument(op, format!("padding {padding} is more than half of the kernel's {kernel}")));
        }
        let rounding = if ceil_mode { stride - 1 } else { 0 };
        let Some(room) = (input + 2 * padding + rounding).checked_sub(span) else {
            return Err(Error::argument(op, format!("a window of {span} does not fit into {input} places with padding {padding}")));
        };
        let last_starts_behind = ceil_mode && room / stride * stride >= input + padding;
        Ok(room / stride + 1 - usize::from(last_starts_behind))
    }
}

/// A stretch of input places that one output place averages over.
#[derive(Debug, Clone)]
pub struct Window {
    /// The places, inside the input.
    pub places: Range<usize>,
    /// How many places it counts as.
    pub count: usize,
}

/// The windows of an average pooling along both dimensions, in the order of the outputs. Starts and ends never decrease.
#[derive(Debug, Clone)]
pub struct Windows {
    /// Along the height.
    pub rows: Vec<Window>,
    /// Along the width.
    pub columns: Vec<Window>,
}
