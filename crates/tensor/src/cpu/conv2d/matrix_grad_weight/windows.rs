//! Windows of positions, whose copies stay in a thread's second-level cache: where there are few weights, each thread copies windows and
//! adds what they contribute to sums of its own.

use super::{CHUNK_VALUES, Copies, MatrixGradWeight, STEP, Task, TaskKernel, WithUnit};
use crate::{
    BLOCK,
    cpu::{
        conv2d::gather_plan::shares,
        dispatch::{SimdLevel, run_matrices_at},
        elementwise::update,
        matrix_unit::MatrixUnit,
        pool::{SharedMut, parallel_with_scratch, threads},
        stored::Stored,
    },
    storage::Buffer,
};

/// Shares that windows are given to, each with sums of its own: so many that most numbers of threads divide them.
const SHARES: usize = 16;

/// Shares below which threads rather divide the weights.
const FEWEST_SHARES: usize = 4;

/// Values of the operands for each sum of a share, below which the sums cost more than copies that go through memory.
const VALUES_PER_SUM: usize = 4;

impl<'a, E: Stored<Compute = f32>> MatrixGradWeight<'a, E> {
    /// Windows in shares, as the shape alone tells them, whose sums are added up in order; none where the gradient has too many weights
    /// for that.
    pub(super) fn shares_of_windows(&self, weights: usize) -> Option<Vec<Vec<MatrixGradWeight<'a, E>>>> {
        let windows = self.windows(CHUNK_VALUES);
        let most = SHARES.min(windows.len()).min((self.x.len() + self.dy.len()) / (VALUES_PER_SUM * weights.max(1)));
        if most < FEWEST_SHARES {
            return None;
        }
        Some(in_shares(windows, 1 << most.ilog2()))
    }

    /// All positions, in windows whose copies have up to so many values.
    fn windows(&self, values: usize) -> Vec<MatrixGradWeight<'a, E>> {
        let pitch = self.columns.len;
        let most = values / (self.rows.phases.len() * self.columns.phases.len() * self.input_channels + self.blocks() * BLOCK);
        // Rows of the input that neighbouring windows read are copied for each.
        let rows = (most / pitch).max(2 * self.rows.most).max(1);
        let pairs = (most / (self.rows.len * pitch)).max(1);
        let columns = if self.output.0 == 1 && self.columns.most == 0 { most.max(STEP) } else { self.output.1 };
        let pairs = shares(self.pairs(), self.pairs().div_ceil(pairs));
        let rows = || shares(self.output.0, self.output.0.div_ceil(rows));
        let columns = || {
            let steps = self.output.1.div_ceil(STEP);
            shares(steps, self.output.1.div_ceil(columns)).map(|(a, b)| (a * STEP, self.output.1.min(b * STEP)))
        };
        pairs.flat_map(|pairs| rows().flat_map(move |rows| columns().map(move |columns| self.window(pairs, rows, columns)))).collect()
    }

    fn window(&self, pairs: (usize, usize), rows: (usize, usize), columns: (usize, usize)) -> MatrixGradWeight<'a, E> {
        let start = (rows.0, columns.0);
        MatrixGradWeight { pairs, start, rows: self.rows.window(rows), columns: self.columns.window(columns), ..*self }
    }
}

fn in_shares<T>(windows: Vec<T>, count: usize) -> Vec<Vec<T>> {
    let (len, mut windows) = (windows.len(), windows.into_iter());
    shares(len, count).map(|(a, b)| windows.by_ref().take(b - a).collect()).collect()
}

/// Writes the sums of all windows, of which each share has some, to `dw`. Where there are more threads than shares, these divide the blocks of
/// a share's weights.
pub(super) fn run_windows<E: Stored<Compute = f32>, U: MatrixUnit>(
    level: SimdLevel,
    windows: &[Vec<MatrixGradWeight<'_, E>>],
    dw: &mut [f32],
    unit: impl Fn() -> U + Sync,
) {
    let mut others: Vec<Buffer> = (1..windows.len()).map(|_| Buffer::uninit::<f32>(dw.len())).collect();
    let sums: Vec<_> = std::iter::once(&mut *dw).chain(others.iter_mut().map(Buffer::as_mut_slice)).map(SharedMut::new).collect();
    let blocks = windows[0][0].blocks();
    let parts = threads().div_ceil(windows.len()).min(blocks);
    let tasks: Vec<_> = (0..windows.len()).flat_map(|share| shares(blocks, parts).map(move |blocks| (share, blocks))).collect();
    let copies_len = |&(share, blocks): &(usize, _)| windows[share].iter().map(|window| window.copies_len(blocks)).max().unwrap_or(0);
    parallel_with_scratch(tasks.len(), tasks.iter().map(copies_len).max().unwrap_or(0), |i, scratch| {
        let (share, blocks) = tasks[i];
        for (n, window) in windows[share].iter().enumerate() {
            let memory = &mut scratch[..window.copies_len(blocks)];
            let copies = Copies::new(window, level, blocks, memory, &|tasks, task| (0..tasks).for_each(task));
            let task = &Task { blocks, channels: (0, window.channels) };
            let kernel = TaskKernel { copies: &copies, task, dw: sums[share], add: n > 0 };
            run_matrices_at(level, WithUnit { kernel, unit: unit() });
        }
    });
    for other in &others {
        update(level, dw, other.as_slice(), |a: f32, b| a + b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        DType, Layout, Tensor,
        cpu::{
            conv2d::{
                grad_weight_at, merges_taps,
                plan::Axis,
                tests::{distance, f64s, random},
                weight::grouping,
            },
            generic,
            matrix_unit::with_matrix_unit,
        },
        ops::{Conv2dOptions, ConvMethod, ConvShape},
        random::Generator,
    };

    #[test]
    fn windows_of_any_size_add_up_to_the_whole() {
        let mut g = Generator::new(21);
        let shapes = [
            ([3, 5, 9, 11], [40, 5, 3, 3], 1, 1, 1),
            ([4, 40, 7, 9], [33, 40, 1, 1], 1, 0, 1),
            ([5, 33, 12, 10], [8, 33, 3, 3], 2, 1, 1),
            ([3, 64, 9, 10], [64, 32, 3, 3], 1, 1, 2),
            ([2, 3, 21, 18], [32, 3, 7, 7], 2, 3, 1),
            ([1, 16, 8, 8], [32, 16, 1, 1], 2, 0, 1),
        ];
        for (x, w, stride, padding, groups) in shapes {
            let options = Conv2dOptions { stride: (stride, stride), padding: (padding, padding), groups, ..Default::default() };
            let s = ConvShape::new(&x, &w, &options).unwrap();
            let (x, dy) = (random(&x, Layout::ChannelsLast, &mut g), random(&s.output_dims(), Layout::ChannelsLast, &mut g));
            let merged = merges_taps(&s, &Axis::forward(super::super::horizontal(&s)));
            let grad = MatrixGradWeight::<f32>::new(x.data().unwrap(), dy.data().unwrap(), &s, grouping(&s).unwrap(), merged);
            let weights = s.k.next_multiple_of(BLOCK) * w[1..].iter().product::<usize>();
            for level in SimdLevel::available() {
                with_matrix_unit!(
                    level,
                    unit => {
                        let mut whole = vec![0.0; weights];
                        grad.run_whole(level, &mut whole, unit);
                        let whole: Vec<_> = whole.into_iter().map(f64::from).collect();
                        for values in [1, 3_000, 20_000] {
                            let len = grad.windows(values).len();
                            assert!(len > 1 || values > 1, "{s:?} in windows of {values} values");
                            for count in [1, len.min(2), len] {
                                let shares = in_shares(grad.windows(values), count);
                                let mut dw = vec![f32::NAN; weights];
                                run_windows(level, &shares, &mut dw, unit);
                                assert!(distance(&dw, &whole) < 1e-6, "{s:?} in {count} shares of windows of {values} values at {level}");
                            }
                        }
                    },
                    ()
                );
            }
        }
    }

    #[test]
    fn weight_gradients_in_windows_do_not_depend_on_the_number_of_threads() {
        let mut g = Generator::new(20);
        for (x, w) in [([8, 16, 64, 64], [70, 16, 1, 1]), ([8, 8, 48, 48], [32, 8, 3, 3])] {
            let options = Conv2dOptions { padding: (w[2] / 2, w[3] / 2), method: ConvMethod::Bf16, ..Default::default() };
            let (s, w) = (ConvShape::new(&x, &w, &options).unwrap(), w.iter().product());
            let (x, dy) = (random(&x, Layout::ChannelsLast, &mut g), random(&s.output_dims(), Layout::ChannelsLast, &mut g));
            let piece = grouping(&s).unwrap();
            let grad = MatrixGradWeight::<f32>::new(x.data().unwrap(), dy.data().unwrap(), &s, piece, false);
            assert!(grad.shares_of_windows(w).is_some(), "{s:?}");
            for level in [SimdLevel::EmulatedAmx, SimdLevel::detect()] {
                let on = |threads| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    pool.install(|| grad_weight_at::<f32>(level, &x, &dy, &s, piece).unwrap().to_vec::<f32>().unwrap())
                };
                let one = on(1);
                assert!(one == on(2) && one == on(3) && one == on(16), "{s:?} at {level}");
            }
            let dw = grad_weight_at::<f32>(SimdLevel::EmulatedAmx, &x, &dy, &s, piece).unwrap();
            let mut plain = vec![0.0; dw.data::<f32>().unwrap().len()];
            let rounded = |t: &Tensor| f64s(&t.to_dtype(DType::Bf16).and_then(|t| t.to_dtype(DType::F32)).unwrap());
            generic::conv2d::grad_weight(&s, &rounded(&x), &rounded(&dy), &mut plain);
            assert!(distance(dw.data().unwrap(), &plain) < 2e-6, "{s:?}");
        }
    }
}
