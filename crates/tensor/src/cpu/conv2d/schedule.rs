//! How well the work of a convolution divides among threads, told from its plan alone.

use super::{
    ConvPass,
    algorithm::{Kernels, kernels},
    forward_geometry, grad_input_geometry, grad_weight_sums, merges_taps, winograd_forward, winograd_grad_input, winograd_grad_weight,
};
use crate::{
    DType,
    cpu::pool::own_tasks,
    ops::{ConvMethod, ConvShape},
};

/// Tasks of a thread from which one that is slowed down, or slower than others, does not keep these waiting for long: who is done with its
/// own takes the rest of its tasks.
pub(super) const TASKS_PER_THREAD: usize = 4;

/// The fewest multiply-adds of vectors that are worth a task: some 20 microseconds.
const FEWEST_PRODUCTS: f64 = 1e6;

/// The time that a multiply-add of pairs takes a matrix unit, in those of vectors.
pub(super) const MATRIX_PRODUCT: f64 = 0.125;

/// How many pieces each of so many tasks, of this many multiply-adds of vectors together, is cut into, so that each thread has several.
pub(super) fn pieces(tasks: usize, cost: f64, threads: usize) -> usize {
    let tasks = tasks.max(1);
    let wanted = if threads > 1 { (TASKS_PER_THREAD * threads).div_ceil(tasks) } else { 1 };
    wanted.min((cost / tasks as f64 / FEWEST_PRODUCTS) as usize).max(1)
}

/// How many times as fast as one thread `threads` threads are at best: all work over that of the busiest thread, where each takes
/// the next task as soon as it is free. Work is multiply-adds, padding that is multiplied too counted in, so memory, caches, forks and
/// joins, and copies of operands do not count. `None` for kernels that are not modelled: depthwise, the plain loops, products of
/// bf16, and the weight gradient of first layers.
pub fn conv2d_speedup(shape: &ConvShape, pass: ConvPass, threads: usize) -> Option<f64> {
    let threads = threads.max(1);
    let stages = stages(shape, pass, threads)?;
    let all: f64 = stages.iter().flatten().sum();
    let busiest: f64 = stages.iter().map(|tasks| busiest(tasks, threads)).sum();
    (busiest > 0.0).then(|| all / busiest)
}

/// The costs of the tasks of each fork and join.
fn stages(s: &ConvShape, pass: ConvPass, threads: usize) -> Option<Vec<Vec<f64>>> {
    match (kernels(DType::F32, s, pass), pass) {
        (Kernels::Tiles(_), _) if s.options.method == ConvMethod::Bf16 => None,
        (Kernels::Winograd, ConvPass::Forward) => Some(winograd_forward(s).costs(threads)),
        (Kernels::Winograd, ConvPass::GradInput) => Some(winograd_grad_input(s).costs(threads)),
        (Kernels::Tiles(piece), ConvPass::Forward) => Some(vec![forward_geometry(s, piece).plan(threads).costs()]),
        (Kernels::Tiles(piece), ConvPass::GradInput) => Some(vec![grad_input_geometry(s, piece).plan(threads).costs()]),
        (Kernels::Tiles(piece), ConvPass::GradWeight) => {
            let sums = grad_weight_sums(s, piece);
            (!merges_taps(s, &sums.columns)).then(|| vec![sums.costs(threads)])
        }
        (Kernels::Winograd, ConvPass::GradWeight) => Some(vec![winograd_grad_weight(s).costs()]),
        (Kernels::Depthwise | Kernels::Plain, _) => None,
    }
}

/// When the last of `threads` threads is done: each does its own tasks first, and then takes those of others.
pub(super) fn busiest(tasks: &[f64], threads: usize) -> f64 {
    let threads = threads.min(tasks.len().max(1));
    let mut queues: Vec<_> = (0..threads).map(|thread| own_tasks(tasks.len(), threads, thread)).collect();
    let mut loads = vec![0.0f64; threads];
    for _ in tasks {
        let first_free = (0..threads).min_by(|&a, &b| loads[a].total_cmp(&loads[b])).unwrap_or(0);
        let taken = (0..threads).find_map(|i| queues[(first_free + i) % threads].next());
        loads[first_free] += taken.map_or(0.0, |task| tasks[task]);
    }
    loads.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Conv2dOptions;

    const PASSES: [ConvPass; 3] = [ConvPass::Forward, ConvPass::GradInput, ConvPass::GradWeight];

    /// The layers of ResNet-18 and ResNet-50 at 224 px: input channels, pixels a side, output channels, kernel, stride.
    const LAYERS: [(usize, usize, usize, usize, usize); 14] = [
        (64, 56, 64, 3, 1),
        (64, 56, 128, 3, 2),
        (128, 28, 128, 3, 1),
        (128, 28, 256, 3, 2),
        (256, 14, 256, 3, 1),
        (256, 14, 512, 3, 2),
        (512, 7, 512, 3, 1),
        (64, 56, 256, 1, 1),
        (256, 56, 64, 1, 1),
        (256, 56, 512, 1, 2),
        (128, 28, 512, 1, 1),
        (1024, 14, 256, 1, 1),
        (1024, 14, 2048, 1, 2),
        (2048, 7, 512, 1, 1),
    ];

    fn shape(images: usize, (c, size, k, kernel, stride): (usize, usize, usize, usize, usize), method: ConvMethod) -> ConvShape {
        let options = Conv2dOptions { stride: (stride, stride), padding: (kernel / 2, kernel / 2), method, ..Default::default() };
        ConvShape::new(&[images, c, size, size], &[k, c, kernel, kernel], &options).unwrap()
    }

    #[test]
    fn tasks_are_taken_by_the_first_free_thread() {
        assert_eq!(busiest(&[3.0, 1.0, 1.0, 1.0, 1.0], 2), 4.0, "the second thread takes a task of the first");
        assert_eq!(busiest(&[5.0, 5.0, 4.0, 4.0], 2), 10.0, "neighbours stay together");
        assert_eq!(busiest(&[1.0; 5], 8), 1.0);
        assert_eq!(busiest(&[], 2), 0.0);
    }

    #[test]
    fn tasks_are_cut_where_threads_have_few_that_are_large() {
        assert_eq!(pieces(2, 1e9, 2), 4);
        assert_eq!(pieces(3, 1e9, 2), 3);
        assert_eq!(pieces(8, 1e9, 2), 1, "enough");
        assert_eq!(pieces(2, 5e6, 2), 2, "no smaller than they are worth");
        assert_eq!(pieces(2, 1e3, 2), 1);
        assert_eq!(pieces(1, 1e9, 1), 1, "nobody waits for a single thread");
    }

    #[test]
    fn the_tasks_together_are_the_whole_product() {
        for (layer, images, pass, threads) in all() {
            let s = shape(images, layer, ConvMethod::Direct);
            let cost: f64 = stages(&s, pass, threads).unwrap().iter().flatten().sum();
            let (least, most) = (s.inside_multiply_adds() as f64, s.multiply_adds() as f64);
            // The strips of an input gradient go over the padding of the gradient, which a stride widens.
            assert!((least..=1.2 * most).contains(&cost), "{layer:?} x {images} {pass:?} on {threads}: {cost} of {least} to {most}");
        }
    }

    #[test]
    fn threads_are_busy_on_the_layers_of_residual_networks() {
        for method in [ConvMethod::Direct, ConvMethod::Fastest] {
            for (layer, images, pass, threads) in all() {
                let speedup = conv2d_speedup(&shape(images, layer, method), pass, threads).unwrap();
                assert!((0.99..=threads as f64 + 1e-9).contains(&speedup), "{layer:?} x {images} {pass:?} on {threads}: {speedup}");
                if threads <= 2 {
                    // Rows of a strided layer's input gradient differ in work, of which one picture has too few to even it out.
                    let least = if matches!(pass, ConvPass::Forward) { 0.9 } else { 0.85 };
                    assert!(speedup > least * threads as f64, "{layer:?} x {images} {pass:?} {method:?} on {threads}: {speedup}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_modelled_has_no_speedup() {
        for (layer, images, pass, threads) in all() {
            assert_eq!(conv2d_speedup(&shape(images, layer, ConvMethod::Bf16), pass, threads), None);
        }
    }

    fn all() -> impl Iterator<Item = ((usize, usize, usize, usize, usize), usize, ConvPass, usize)> {
        let of_layer = |layer| [1, 32].into_iter().map(move |images| (layer, images));
        let layers = LAYERS.into_iter().flat_map(of_layer);
        layers.flat_map(|(layer, images)| {
            PASSES.into_iter().flat_map(move |pass| [1, 2, 8, 64].map(|threads| (layer, images, pass, threads)))
        })
    }
}
