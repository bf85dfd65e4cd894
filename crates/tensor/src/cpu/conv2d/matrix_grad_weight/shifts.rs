//! The taps of one axis as shifts of all positions alike.

use std::ops::Range;

use super::super::plan::{Axis, AxisSizes};

/// A tap of one axis: the phase of the input that it meets, and how far it lies behind the first tap.
#[derive(Clone, Copy)]
pub(super) struct Shift {
    pub phase: usize,
    pub by: usize,
}

/// One axis of a convolution, as its taps shift it.
#[derive(Clone)]
pub(super) struct Shifts {
    /// Of each tap that ever meets a pixel.
    pub taps: Vec<Option<Shift>>,
    /// Input positions that outputs 0 and 1 meet lie a stride apart; these are between 0 and the stride.
    pub phases: Vec<usize>,
    /// The input position of phase 0 at shift 0, for output 0.
    first: isize,
    /// Outputs, and as many more as taps are shifted.
    pub len: usize,
    /// The furthest shift.
    pub most: usize,
    pub sizes: AxisSizes,
}

impl Shifts {
    pub(super) fn new(sizes: AxisSizes) -> Shifts {
        let is_live = Axis::forward(sizes).live_taps(sizes.kernel);
        let at = |tap: usize| (tap * sizes.dilation % sizes.stride, tap * sizes.dilation / sizes.stride);
        let live = |tap: usize| is_live[tap].then(|| at(tap));
        let met: Vec<_> = (0..sizes.kernel).filter_map(live).collect();
        let least = met.iter().map(|at| at.1).min().unwrap_or(0);
        let most = met.iter().map(|at| at.1 - least).max().unwrap_or(0);
        let mut phases: Vec<_> = met.iter().map(|at| at.0).collect();
        phases.sort_unstable();
        phases.dedup();
        let shift = |(phase, by)| Shift { phase: phases.partition_point(|&p| p < phase), by: by - least };
        let taps = (0..sizes.kernel).map(|tap| live(tap).map(shift)).collect();
        let first = (least * sizes.stride) as isize - sizes.padding as isize;
        Shifts { taps, phases, first, len: sizes.output + most, most, sizes }
    }

    /// Every tap a phase of its own, at no shift: what few channels fill a register with.
    pub(super) fn apart(sizes: AxisSizes) -> Shifts {
        let phases = (0..sizes.kernel).map(|tap| tap * sizes.dilation).collect();
        Shifts { taps: vec![Some(Shift { phase: 0, by: 0 })], phases, first: -(sizes.padding as isize), len: sizes.output, most: 0, sizes }
    }

    /// The same for some of the outputs, first and behind the last.
    pub(super) fn window(&self, (start, end): (usize, usize)) -> Shifts {
        let sizes = AxisSizes { output: end - start, ..self.sizes };
        let first = self.first + (start * self.sizes.stride) as isize;
        Shifts { first, len: sizes.output + self.most, sizes, ..self.clone() }
    }

    /// The input position of a phase for output `at`, where that lies inside.
    pub(super) fn position(&self, phase: usize, at: usize) -> Option<usize> {
        let position = (at * self.sizes.stride + self.phases[phase]) as isize + self.first;
        usize::try_from(position).ok().filter(|&position| position < self.sizes.input)
    }

    /// The outputs from `begin` to `end` for which a phase lies inside the input.
    pub(super) fn inside(&self, phase: usize, begin: usize, end: usize) -> Range<usize> {
        let before = -(self.first + self.phases[phase] as isize);
        let first = |position: isize| usize::try_from(position).unwrap_or(0).div_ceil(self.sizes.stride).clamp(begin, end);
        first(before)..first(before + self.sizes.input as isize)
    }

    /// The input positions that all phases reach together, for outputs from `begin` to `end`.
    pub(super) fn reach(&self, begin: usize, end: usize) -> Range<usize> {
        let position = |at: usize, phase: usize| {
            usize::try_from((at * self.sizes.stride + phase) as isize + self.first).unwrap_or(0).min(self.sizes.input)
        };
        let (nearest, furthest) = (self.phases.first().copied().unwrap_or(0), self.phases.last().copied().unwrap_or(0));
        position(begin, nearest)..position(end.saturating_sub(1), furthest + 1)
    }
}
