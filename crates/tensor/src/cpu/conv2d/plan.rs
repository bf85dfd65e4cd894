//! Which input pixels each output pixel of a convolution sums over, arranged in runs that one register tile can walk.
//!
//! A forward pass and an input gradient are the same computation, a *gather*: every output pixel is a sum over (input pixel,
//! tap) pairs. Only the pairs differ: an input gradient gathers from the output's gradient, and with a stride only some taps
//! meet a pixel.

/// One axis of a gather.
pub(super) struct Axis {
    /// For each output position, the (input position, tap) pairs; positions outside the input stand for zeros.
    taps: Vec<Vec<(isize, usize)>>,
    /// The step between output positions that use the same taps.
    step: usize,
    /// How far the input position moves with such a step.
    advance: usize,
    /// The input's size.
    input: usize,
}

/// The sizes of one axis of a convolution.
#[derive(Clone, Copy)]
pub(super) struct AxisSizes {
    pub input: usize,
    pub output: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    pub dilation: usize,
}

impl Axis {
    /// From the input to the output: position `o` reads `o * stride + tap * dilation - padding`.
    pub(super) fn forward(s: AxisSizes) -> Axis {
        let taps = |o: usize| (0..s.kernel).map(|t| ((o * s.stride + t * s.dilation) as isize - s.padding as isize, t)).collect();
        Axis { taps: (0..s.output).map(taps).collect(), step: 1, advance: s.stride, input: s.input }.without_dead_taps(s.kernel)
    }

    /// From the output's gradient to the input's: the transpose of [`forward`](Axis::forward).
    pub(super) fn backward(s: AxisSizes) -> Axis {
        let stride = s.stride as isize;
        let taps = |i: usize| {
            let position = move |t: usize| (i + s.padding) as isize - (t * s.dilation) as isize;
            let meets = (0..s.kernel).filter(move |&t| position(t).rem_euclid(stride) == 0);
            meets.map(move |t| (position(t).div_euclid(stride), t)).collect()
        };
        Axis { taps: (0..s.input).map(taps).collect(), step: s.stride, advance: 1, input: s.output }.without_dead_taps(s.kernel)
    }

    fn is_inside(&self, position: isize) -> bool {
        (0..self.input as isize).contains(&position)
    }

    /// Which of `kernel` taps ever meet a pixel inside the input.
    pub(super) fn live_taps(&self, kernel: usize) -> Vec<bool> {
        let mut live = vec![false; kernel];
        for &(position, tap) in self.taps.iter().flatten() {
            live[tap] |= self.is_inside(position);
        }
        live
    }

    fn without_dead_taps(mut self, kernel: usize) -> Axis {
        let live = self.live_taps(kernel);
        self.taps.iter_mut().for_each(|taps| taps.retain(|&(_, t)| live[t]));
        self
    }

    /// The output positions `start..end` at which `tap` meets a pixel inside the input, and the first such pixel.
    pub(super) fn span(&self, tap: usize) -> Option<(usize, usize, usize)> {
        let meets = |taps: &Vec<(isize, usize)>| taps.iter().find(|&&(i, t)| t == tap && self.is_inside(i)).map(|&(i, _)| i as usize);
        let start = self.taps.iter().position(|t| meets(t).is_some())?;
        let end = self.taps.iter().rposition(|t| meets(t).is_some())? + 1;
        Some((start, end, meets(&self.taps[start])?))
    }

    /// The same axis without the pairs that lie outside the input.
    pub(super) fn inside(&self) -> Axis {
        let inside = |taps: &Vec<(isize, usize)>| taps.iter().copied().filter(|&(i, _)| self.is_inside(i)).collect();
        Axis { taps: self.taps.iter().map(inside).collect(), ..*self }
    }

    /// Whether each output position reads the input position of the same number, and no other.
    pub(super) fn is_identity(&self) -> bool {
        self.outputs() == self.input && self.taps.iter().enumerate().all(|(o, taps)| taps[..] == [(o as isize, 0)])
    }

    /// The pairs of output 0, where those of all others are as far behind as the output itself.
    pub(super) fn uniform(&self) -> Option<&[(isize, usize)]> {
        let is_uniform = (self.step, self.advance) == (1, 1) && self.runs().len() == 1;
        is_uniform.then(|| &self.taps[0][..])
    }

    /// How many zeros before and behind the input the pairs reach.
    pub(super) fn margins(&self) -> (usize, usize) {
        let positions = || self.taps.iter().flatten().map(|&(i, _)| i);
        let before = positions().min().map_or(0, |i| (-i).max(0));
        let behind = positions().max().map_or(0, |i| (i + 1 - self.input as isize).max(0));
        (before as usize, behind as usize)
    }

    fn outputs(&self) -> usize {
        self.taps.len()
    }

    /// The positions cut into runs that use the same taps, `advance` apart.
    fn runs(&self) -> Vec<ColumnRun<'_>> {
        let mut runs = Vec::new();
        for phase in 0..self.step.min(self.outputs()) {
            let mut start = phase;
            while start < self.outputs() {
                let continues = |n: usize| {
                    let (a, b) = (&self.taps[start], self.taps.get(start + n * self.step));
                    let shift = (n * self.advance) as isize;
                    b.is_some_and(|b| a.len() == b.len() && a.iter().zip(b).all(|(p, q)| p.1 == q.1 && p.0 + shift == q.0))
                };
                let len = (1..).find(|&n| !continues(n)).unwrap_or(1);
                runs.push(ColumnRun { start, len, taps: &self.taps[start] });
                start += len * self.step;
            }
        }
        runs
    }
}

struct ColumnRun<'a> {
    start: usize,
    len: usize,
    taps: &'a [(isize, usize)],
}

/// A stretch of input that one stretch of weights meets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tap {
    /// The input pixel of the run's first output.
    pub pixel: usize,
    /// The weight's row (one row is one input channel of one tap, for a block of output channels).
    pub row: usize,
}

/// Output pixels of one row of the picture, equal steps apart, that use the same taps.
#[derive(Debug)]
pub(super) struct Run {
    /// The first output pixel.
    pub output: usize,
    /// The step between output pixels.
    pub output_step: usize,
    /// The number of output pixels.
    pub len: usize,
    /// The step between the input pixels of neighbouring outputs.
    pub input_step: usize,
    /// What each output sums over; `Tap::pixel` holds for the first.
    pub taps: Vec<Tap>,
    /// The values in each tap's stretch.
    pub tap_len: usize,
    /// The input rows it reads, first and behind the last.
    pub input_rows: (usize, usize),
    /// Where it goes over several rows of outputs: from each to the next, in outputs, of which those behind the row's end do not exist.
    pub pitch: Option<usize>,
}

/// The input rows that some runs read, first and behind the last.
pub(super) fn input_rows(runs: &[Run]) -> (usize, usize) {
    let rows = || runs.iter().map(|r| r.input_rows).filter(|r| r.0 < r.1);
    (rows().map(|r| r.0).min().unwrap_or(0), rows().map(|r| r.1).max().unwrap_or(0))
}

/// How the runs of a gather address their input.
pub(super) struct Addressing {
    /// The pixels of an input row, margins counted in.
    pub width: usize,
    /// The pixels of the left margin.
    pub left: usize,
    /// The input channels that are summed over.
    pub channels: usize,
    /// The kernel's width.
    pub kernel_width: usize,
    /// Whether the pixels of a row lie next to each other, `channels` values each, so that neighbouring taps are one stretch.
    pub merge: bool,
}

/// All runs of a gather, row by row. `rows` has no pairs outside the input; `columns` none outside the addressed width.
pub(super) fn runs(rows: &Axis, columns: &Axis, a: &Addressing) -> Vec<Run> {
    let column_runs = columns.runs();
    let mut all = Vec::with_capacity(rows.outputs() * column_runs.len());
    for (y, row_taps) in rows.taps.iter().enumerate() {
        let input_rows =
            (row_taps.iter().map(|t| t.0 as usize).min().unwrap_or(0), row_taps.iter().map(|t| t.0 as usize + 1).max().unwrap_or(0));
        for column in &column_runs {
            let merged = a.merge && column.taps.windows(2).all(|w| w[0].0 + 1 == w[1].0 && w[0].1 + 1 == w[1].1);
            let (heads, tap_len) =
                if merged { (&column.taps[..column.taps.len().min(1)], column.taps.len() * a.channels) } else { (column.taps, a.channels) };
            let tap = |&(i, r): &(isize, usize), &(j, s): &(isize, usize)| Tap {
                pixel: i as usize * a.width + (j + a.left as isize) as usize,
                row: (r * a.kernel_width + s) * a.channels,
            };
            all.push(Run {
                output: y * columns.outputs() + column.start,
                output_step: columns.step,
                len: column.len,
                input_step: columns.advance,
                taps: row_taps.iter().flat_map(|row| heads.iter().map(move |col| tap(row, col))).collect(),
                tap_len,
                input_rows,
                pitch: None,
            });
        }
    }
    all
}

/// The runs of a gather whose every output pixel reads the input pixel of the same number, and no other: at most so many `pieces` of nearly
/// equal length, multiples of `unit` but for the last.
pub(super) fn pixelwise_runs(pixels: usize, pieces: usize, unit: usize, channels: usize) -> Vec<Run> {
    let units = pixels.div_ceil(unit);
    let bound = |piece: usize| (piece * units / pieces * unit).min(pixels);
    let run = |(start, end): (usize, usize)| Run {
        output: start,
        output_step: 1,
        len: end - start,
        input_step: 1,
        taps: vec![Tap { pixel: start, row: 0 }],
        tap_len: channels,
        input_rows: (0, 1),
        pitch: None,
    };
    (0..pieces).map(|piece| (bound(piece), bound(piece + 1))).filter(|(start, end)| start < end).map(run).collect()
}
