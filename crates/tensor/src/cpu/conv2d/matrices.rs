//! A [gather](super::gather) over pairs by products of matrices: a register holds 16 pixels times 16 pairs of channels, or 16 such
//! pairs times 16 output channels. Two registers of pixels meet two of a block of weights, whose four sums stay in registers over the whole
//! reduction. Pixels and weights lie in memory as the registers want them.

use std::mem::MaybeUninit;

use super::{
    finish::{Output, finish_rows},
    gather::{Block, RowOffsets, TaskKernel, parts},
    gather_plan::shares,
    plan::{Run, Tap},
    tile::{Rows, Stretch},
};
use crate::{
    BLOCK,
    cpu::{
        dispatch::Kernel,
        matrix_unit::{MatrixUnit, Shape, Shapes},
        simd::Simd,
        stored::Stored,
    },
};

/// Pairs below which a product of matrices has too little to do.
const FEWEST_PAIRS: usize = 4;

/// How many pairs of a tap a product takes at a time, where they divide evenly.
fn pairs_at_a_time(tap_len: usize) -> Option<usize> {
    (FEWEST_PAIRS..=Shape::MOST).rev().find(|&pairs| tap_len.is_multiple_of(pairs))
}

/// Whether taps of this many pairs can be multiplied so.
pub(super) fn applies(tap_len: usize) -> bool {
    pairs_at_a_time(tap_len).is_some()
}

/// Values of weights, of whole blocks, that stay in the first-level cache: pixels meet all these blocks before others take their place.
const FEW_WEIGHTS: usize = 8 << 10;

/// Outputs of a run that are the rows of one register.
struct Piece<'a> {
    run: &'a Run,
    /// What the first of them reads first.
    base: *const f32,
    /// Values from one of them to the next.
    step: usize,
    rows: usize,
    /// Where in the output each goes.
    places: [usize; Shape::MOST],
}

/// The place of an output that does not exist.
const NOWHERE: usize = usize::MAX;

impl Piece<'_> {
    /// Fetches the lines that a block of outputs from `channel` on is written to, while others are summed.
    ///
    /// # Safety
    /// See [`Simd`].
    #[inline(always)]
    unsafe fn fetch_outputs<S: Simd, E>(&self, y: *const E, channel: usize) {
        for &place in self.places[..self.rows].iter().filter(|&&place| place != NOWHERE) {
            for line in (0..BLOCK).step_by(LINE * size_of::<f32>() / size_of::<E>()) {
                // SAFETY: the caller's promise.
                unsafe { S::prefetch(y.wrapping_add(place + channel + line).cast()) }
            }
        }
    }

    /// Whether the other sums over the same taps, from where it starts.
    fn is_like(&self, other: &Piece<'_>) -> bool {
        let (a, b) = (self.run, other.run);
        let same = |(x, y): (&Tap, &Tap)| x.row == y.row && x.pixel.wrapping_sub(y.pixel) == a.taps[0].pixel.wrapping_sub(b.taps[0].pixel);
        std::ptr::eq(a, b) || a.tap_len == b.tap_len && a.taps.len() == b.taps.len() && a.taps.iter().zip(&b.taps).all(same)
    }
}

/// A task, the memory that it may copy its input to, and what multiplies.
pub(super) struct MatrixKernel<'a, E, U> {
    pub kernel: TaskKernel<'a, E, true>,
    pub scratch: &'a mut [f32],
    pub unit: U,
}

impl<E: Stored, U: MatrixUnit> Kernel for MatrixKernel<'_, E, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let (base, images) = self.kernel.input::<S>(self.scratch);
        let geometry = self.kernel.gather.geometry();
        let pixel = images * geometry.input_channels;
        let pieces: Vec<_> = self.kernel.runs().iter().flat_map(|run| self.pieces(run, base, images)).collect();
        let pieces = joined(&pieces);
        let most_taps = self.kernel.most_taps();
        let fetching = pieces.iter().filter(|(first, _)| first.run.taps.len() == most_taps).count();
        let streams = self.kernel.gather.out.streams;
        let fetches_outputs = !streams && self.kernel.gather.has_large_output();
        let (begin, end) = self.kernel.task.blocks;
        let together = (FEW_WEIGHTS / geometry.block_len().max(1)).max(1);
        for start in (begin..end).step_by(together) {
            let next =
                |block: usize| Some(block + together).filter(|&next| next < end).or(self.kernel.next_block.filter(|_| block == start));
            let blocks = start..end.min(start + together);
            let mut blocks: Vec<_> = blocks.map(|block| self.kernel.block(block, next(block), fetching)).collect();
            for (i, &(a, b)) in pieces.iter().enumerate() {
                for Block { channels: (first, behind), input, weight, fetch } in &mut blocks {
                    let out = self.kernel.gather.out.of(*first, (*behind - *first).min(BLOCK));
                    if let Some(&(c, d)) = pieces.get(i + 1).filter(|_| fetches_outputs) {
                        for piece in [Some(c), d].into_iter().flatten() {
                            // SAFETY: the level is entered.
                            unsafe { piece.fetch_outputs::<S, E>(self.kernel.y.get(), out.channel) }
                        }
                    }
                    fetch.enabled = a.run.taps.len() == most_taps;
                    let tile = Tile { pieces: (a, b), pixel, input: *input, w: weight.as_ptr(), fetch: fetch.take() };
                    // SAFETY: the plan's taps name pixels of the input at `base` and rows of the block of weights; tasks, blocks and pieces
                    // write different values of y, which `places` stays inside. The unit is there.
                    unsafe { tile.run::<S, E, U>(&mut self.unit, self.kernel.y.get(), out) };
                }
            }
        }
        if streams {
            // SAFETY: the level is entered.
            unsafe { S::fence() }
        }
    }
}

impl<E: Stored, U> MatrixKernel<'_, E, U> {
    /// The pixels of a run, in pieces of nearly equal size.
    fn pieces<'a>(&self, run: &'a Run, base: *const f32, images: usize) -> impl Iterator<Item = Piece<'a>> {
        let geometry = self.kernel.gather.geometry();
        let (channels, width) = (geometry.input_channels, geometry.output.1);
        let (parts, rows) = parts(run, images);
        let step = if images == 1 { run.input_step * channels } else { channels };
        let first_tap = run.taps.first().map_or(0, |tap| tap.pixel) * images * channels;
        let count = rows.div_ceil(Shape::MOST);
        let of_part = move |part: usize, mut places: PlacesOfRun<'a>| {
            let base = base.wrapping_add(part * run.input_step * images * channels + first_tap);
            shares(rows, count).map(move |(first, end)| {
                let rows = end - first;
                Piece { run, base: base.wrapping_add(first * step), step, rows, places: places.take(first, rows) }
            })
        };
        let places: Vec<_> =
            (0..parts).map(|part| PlacesOfRun { run, width, offsets: RowOffsets::new(&self.kernel, run, part, images) }).collect();
        places.into_iter().enumerate().flat_map(move |(part, places)| of_part(part, places))
    }
}

/// Where a run's outputs go, piece by piece.
struct PlacesOfRun<'a> {
    run: &'a Run,
    /// Of a row of outputs.
    width: usize,
    /// The next piece's, or the first's where the run goes over rows.
    offsets: RowOffsets,
}

impl PlacesOfRun<'_> {
    /// The places of the next `rows` outputs, the first of which has this number in the run.
    fn take(&mut self, first: usize, rows: usize) -> [usize; Shape::MOST] {
        let mut places = [NOWHERE; Shape::MOST];
        let Some(pitch) = self.run.pitch else {
            self.offsets.take(rows, 0, &mut places);
            return places;
        };
        for (at, place) in (first..first + rows).zip(&mut places) {
            let (row, column) = (at / pitch, at % pitch);
            if column < self.width {
                *place = self.offsets.nth(row * self.width + column);
            }
        }
        places
    }
}

/// Neighbours that sum over the same taps, two by two.
fn joined<'a>(pieces: &'a [Piece<'a>]) -> Vec<(&'a Piece<'a>, Option<&'a Piece<'a>>)> {
    let (mut joined, mut rest) = (Vec::with_capacity(pieces.len().div_ceil(2)), pieces.iter().peekable());
    while let Some(first) = rest.next() {
        joined.push((first, rest.next_if(|second| first.is_like(second))));
    }
    joined
}

/// One or two pieces of pixels times a block of output channels.
struct Tile<'a> {
    pieces: (&'a Piece<'a>, Option<&'a Piece<'a>>),
    /// Values from one pixel to the next.
    pixel: usize,
    /// Values from the start of a pixel to the channels that the block sums over.
    input: usize,
    w: *const f32,
    fetch: Option<Stretch>,
}

/// Memory for the sums of a tile, in rows of a block's values, aligned as lines of the cache.
#[repr(align(64))]
struct Sums(MaybeUninit<[f32; 2 * Shape::MOST * BLOCK]>);

impl Sums {
    fn uninit() -> Self {
        Sums(MaybeUninit::uninit())
    }

    fn first(&mut self) -> *mut f32 {
        self.0.as_mut_ptr().cast()
    }
}

impl Tile<'_> {
    /// # Safety
    /// See [`Simd`] and [`MatrixUnit`]; the pieces' pixels and the weights exist, and so do the outputs, which nobody else touches.
    #[inline(always)]
    unsafe fn run<S: Simd, E: Stored, U: MatrixUnit>(&self, unit: &mut U, y: *mut E, out: Output<'_, E>) {
        let (a, b) = self.pieces;
        let rows = a.rows + b.map_or(0, |b| b.rows);
        let mut sums = Sums::uninit();
        let sums = Rows { first: sums.first(), step: BLOCK };
        let mut places = [NOWHERE; 2 * Shape::MOST];
        for (piece, at) in [Some(a), b].into_iter().flatten().zip([0, a.rows]) {
            for (place, &of_piece) in places[at..].iter_mut().zip(&piece.places) {
                *place = of_piece.saturating_add(out.channel);
            }
        }
        // SAFETY: the caller's promise; the sums have room for both pieces' rows.
        unsafe {
            // An activation takes whole rows.
            match (b, out.channels > BLOCK / 2 || out.activates()) {
                (None, false) => self.sums::<S, U, false, false>(unit, sums.first),
                (None, true) => self.sums::<S, U, false, true>(unit, sums.first),
                (Some(_), false) => self.sums::<S, U, true, false>(unit, sums.first),
                (Some(_), true) => self.sums::<S, U, true, true>(unit, sums.first),
            }
            if a.run.pitch.is_none() {
                return finish_rows::<S, E>(sums, &places[..rows], y, &out);
            }
            let mut first = sums.first;
            for places in places[..rows].chunk_by(|&a, &b| (a == NOWHERE) == (b == NOWHERE)) {
                if places[0] != NOWHERE {
                    finish_rows::<S, E>(Rows { first, ..sums }, places, y, &out);
                }
                first = first.add(places.len() * BLOCK);
            }
        }
    }

    /// Writes the sums of the pieces' rows, of [`BLOCK`] values each. Those behind the first half of the block are missing unless `WHOLE`.
    ///
    /// # Safety
    /// As [`run`](Tile::run); there is room for them.
    #[inline(always)]
    unsafe fn sums<S: Simd, U: MatrixUnit, const TWO: bool, const WHOLE: bool>(&self, unit: &mut U, sums: *mut f32) {
        let (a, b) = (self.pieces.0, self.pieces.1.unwrap_or(self.pieces.0));
        let (taps, tap_len) = (&a.run.taps, a.run.tap_len);
        let pairs = pairs_at_a_time(tap_len).expect("a plan that this applies to");
        let second_rows = if TWO { b.rows } else { 0 };
        let first_pixel = taps.first().map_or(0, |tap| tap.pixel);
        // SAFETY: the caller's promise.
        unsafe {
            unit.configure(&shapes((a.rows, second_rows), pairs));
            unit.zero::<0>();
            unit.zero::<1>();
            if TWO {
                unit.zero::<2>();
                unit.zero::<3>();
            }
            for c in (0..tap_len).step_by(pairs) {
                for tap in taps {
                    let offset = tap.pixel.wrapping_sub(first_pixel).wrapping_mul(self.pixel).wrapping_add(self.input).wrapping_add(c);
                    let w = self.w.add((tap.row + c) * BLOCK);
                    unit.load::<6>(w, BLOCK);
                    unit.load::<4>(a.base.wrapping_add(offset), a.step);
                    unit.dot::<0, 4, 6>();
                    if TWO {
                        unit.load::<5>(b.base.wrapping_add(offset), b.step);
                        unit.dot::<2, 5, 6>();
                    }
                    if WHOLE {
                        unit.load::<7>(w.add(BLOCK / 2), BLOCK);
                        unit.dot::<1, 4, 7>();
                        if TWO {
                            unit.dot::<3, 5, 7>();
                        }
                    }
                    if let Some(Stretch { start, step }) = self.fetch {
                        for at in ((tap.row + c) * step..(tap.row + c + pairs) * step).step_by(LINE) {
                            S::prefetch_far(start.wrapping_add(at));
                        }
                    }
                }
            }
            unit.store::<0>(sums, BLOCK);
            if WHOLE {
                unit.store::<1>(sums.add(BLOCK / 2), BLOCK);
            }
            if TWO {
                let sums = sums.add(a.rows * BLOCK);
                unit.store::<2>(sums, BLOCK);
                if WHOLE {
                    unit.store::<3>(sums.add(BLOCK / 2), BLOCK);
                }
            }
        }
    }
}

/// Values of a line of the cache.
pub(super) const LINE: usize = 16;

/// The registers of a tile of so many rows: four of sums, two of pixels, two of weights.
pub(super) fn shapes((first, second): (usize, usize), pairs: usize) -> Shapes {
    let columns = BLOCK / 2;
    let sums = |rows: usize| if rows > 0 { Shape::new(rows, columns) } else { Shape::default() };
    let pixels = |rows: usize| if rows > 0 { Shape::new(rows, pairs) } else { Shape::default() };
    let weights = Shape::new(pairs, columns);
    [sums(first), sums(first), sums(second), sums(second), pixels(first), pixels(second), weights, weights]
}
