//! Plans that are kept: a network meets the same convolutions at every step, and planning a small one takes longer than its sums.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use super::{
    ConvPass,
    depthwise::depthwise_runs,
    expand_depthwise::RingPlan,
    forward_geometry, gather_plan, grad_input_geometry, horizontal,
    plan::{Axis, Run},
    vertical,
    weight::Grouping,
    winograd, winograd_forward, winograd_grad_input,
};
use crate::{
    cpu::{dispatch::SimdLevel, matrix_unit::with_matrix_unit, pool::threads},
    ops::{ConvMethod, ConvShape},
};

/// Plans are forgotten, all at once, when there are so many: a program may meet pictures of any size.
const MOST: usize = 1024;

/// Plans of one kind, by what they depend on.
struct Kept<K, P>(LazyLock<Mutex<HashMap<K, Arc<P>>>>);

impl<K: Eq + Hash, P> Kept<K, P> {
    const fn new() -> Self {
        Kept(LazyLock::new(Mutex::default))
    }

    /// The plan for this key, made by `make` on first use.
    fn get(&self, key: K, make: impl FnOnce() -> P) -> Arc<P> {
        // A panic cannot leave the map half changed, so a poisoned lock is sound to use.
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = lock().get(&key) {
            return plan.clone();
        }
        let plan = Arc::new(make());
        let mut plans = lock();
        if plans.len() >= MOST {
            plans.clear();
        }
        plans.entry(key).or_insert(plan).clone()
    }
}

/// The plan of a forward pass or an input gradient at a level; over pairs of channels where the method is bf16, in which the input may lie
/// already.
pub(super) fn gather(level: SimdLevel, s: &ConvShape, pass: ConvPass, piece: Grouping, lies_in_pairs: bool) -> Arc<gather_plan::Plan> {
    static PLANS: Kept<(ConvShape, ConvPass, usize, bool, bool), gather_plan::Plan> = Kept::new();
    let threads = threads();
    let bf16 = s.options.method == ConvMethod::Bf16;
    let matrices = bf16 && with_matrix_unit!(level, _unit => true, false);
    PLANS.get((*s, pass, threads, matrices, lies_in_pairs), || {
        let geometry = if pass == ConvPass::Forward { forward_geometry(s, piece) } else { grad_input_geometry(s, piece) };
        let geometry = if bf16 { geometry.in_pairs(lies_in_pairs, matrices) } else { geometry };
        geometry.plan(threads)
    })
}

/// The plan of a forward pass or an input gradient by Winograd's method.
pub(super) fn winograd(s: &ConvShape, pass: ConvPass) -> Arc<winograd::Plan> {
    static PLANS: Kept<(ConvShape, ConvPass, usize), winograd::Plan> = Kept::new();
    let threads = threads();
    PLANS.get((*s, pass, threads), || {
        let winograd = if pass == ConvPass::Forward { winograd_forward(s) } else { winograd_grad_input(s) };
        winograd.plan(threads)
    })
}

/// The runs of a depthwise forward pass or input gradient.
pub(super) fn depthwise(s: &ConvShape, pass: ConvPass) -> Arc<Vec<Run>> {
    static RUNS: Kept<(ConvShape, ConvPass), Vec<Run>> = Kept::new();
    RUNS.get((*s, pass), || {
        let axis = if pass == ConvPass::Forward { Axis::forward } else { Axis::backward };
        let width = if pass == ConvPass::Forward { s.input.1 } else { s.output.1 };
        depthwise_runs(&axis(vertical(s)), &axis(horizontal(s)), width, s.kernel.1)
    })
}

/// That of a depthwise forward pass behind a 1x1 convolution of so many input channels.
pub(super) fn ring(s: &ConvShape, input_channels: usize) -> Arc<RingPlan> {
    static PLANS: Kept<(ConvShape, usize), RingPlan> = Kept::new();
    PLANS.get((*s, input_channels), || RingPlan::new(s, input_channels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Conv2dOptions;

    #[test]
    fn plans_are_made_once_and_forgotten_when_there_are_many() {
        let kept: Kept<usize, usize> = Kept::new();
        let first = kept.get(0, || 7);
        assert!(Arc::ptr_eq(&first, &kept.get(0, || unreachable!("it is kept"))));
        for n in 0..3 * MOST {
            assert_eq!(*kept.get(n, || if n == 0 { 7 } else { n }), if n == 0 { 7 } else { n });
            assert!(kept.0.lock().unwrap().len() <= MOST);
        }
        assert_eq!(*kept.get(0, || 8), 8, "it was forgotten");
    }

    #[test]
    fn a_plan_is_that_of_its_pass_and_number_of_threads() {
        let options = Conv2dOptions { stride: (2, 2), padding: (1, 1), ..Default::default() };
        let s = ConvShape::new(&[1, 32, 9, 9], &[64, 32, 3, 3], &options).unwrap();
        let piece = Grouping { inputs: 32, outputs: 64, joined: 1 };
        let on = |threads, pass| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| gather(SimdLevel::Generic, &s, pass, piece, false))
        };
        let forward = on(3, ConvPass::Forward);
        assert!(Arc::ptr_eq(&forward, &on(3, ConvPass::Forward)) && !Arc::ptr_eq(&forward, &on(2, ConvPass::Forward)));
        assert_eq!(forward.geometry.output_channels, 64);
        assert_eq!(on(3, ConvPass::GradInput).geometry.output_channels, 32);
    }
}
