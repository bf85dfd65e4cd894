//! The method against the plain twin in f64, at every level of this processor.

use crate::{
    BLOCK, Layout, Tensor,
    cpu::{
        conv2d::{
            tests::{activated, activation, added, address, distance, f64s, giving_away, onto, random},
            winograd_forward_at, winograd_grad_input_at, winograd_grad_weight_at,
        },
        dispatch::SimdLevel,
        generic,
    },
    ops::{Conv2dOptions, ConvShape, Epilogue},
    random::Generator,
};

/// Checks all passes, the forward pass with every part of the epilogue that `epilogue`'s bits ask for.
fn check(x: [usize; 4], k: usize, padding: (usize, usize), epilogue: usize, g: &mut Generator) {
    let options = Conv2dOptions { padding, ..Default::default() };
    let w = [k, x[1], 3, 3];
    let Ok(s) = ConvShape::new(&x, &w, &options) else { return };
    let (xt, wt) = (random(&x, Layout::ChannelsLast, g), random(&w, Layout::Blocked, g));
    let dy = random(&s.output_dims(), Layout::ChannelsLast, g);
    let (scale, shift) = (random(&[s.k], Layout::Contiguous, g), random(&[s.k], Layout::Contiguous, g));
    fn chosen(bits: usize, bit: usize, t: &Tensor) -> Option<&Tensor> {
        (bits >> bit & 1 == 1).then_some(t)
    }
    let e = Epilogue {
        scale: chosen(epilogue, 0, &scale),
        shift: chosen(epilogue, 1, &shift),
        residual: chosen(epilogue, 2, &dy).cloned(),
        activation: activation(epilogue >> 3),
        ..Default::default()
    };
    let (x64, w64, dy64) = (f64s(&xt), f64s(&wt), f64s(&dy));
    let (scale64, shift64) = (e.scale.map(f64s), e.shift.map(f64s));
    let mut y = vec![0.0; dy64.len()];
    generic::conv2d::forward(&s, &x64, &w64, &mut y);
    generic::conv2d::epilogue(s.k, &mut y, scale64.as_deref(), shift64.as_deref(), e.residual.as_ref().map(|_| &dy64[..]));
    let y = activated(y, e.activation);
    let mut dx = vec![0.0; x64.len()];
    generic::conv2d::grad_input(&s, &dy64, &w64, &mut dx);
    let dx_onto = added(&dx, &x64);
    let mut dw = vec![0.0; w64.len()];
    generic::conv2d::grad_weight(&s, &x64, &dy64, &mut dw);
    for level in SimdLevel::available() {
        let forward = winograd_forward_at(level, &xt, &wt, &s, e.clone()).unwrap();
        let given = giving_away::<f32>(&e);
        let memory = given.residual.as_ref().map(address);
        let in_place = winograd_forward_at(level, &xt, &wt, &s, given).unwrap();
        assert!(memory.is_none_or(|memory| memory == address(&in_place)), "at {level}: {s:?}");
        assert!(forward.data::<f32>().unwrap() == in_place.data::<f32>().unwrap(), "in place at {level}: {s:?}");
        let grad_input = |e| winograd_grad_input_at(level, &dy, &wt, &s, e).unwrap();
        let mut results = vec![("forward", forward, &y), ("grad_input", grad_input(Epilogue::default()), &dx)];
        results.push(("grad_input_onto", grad_input(giving_away::<f32>(&onto(&xt))), &dx_onto));
        if k.is_multiple_of(BLOCK) {
            results.push(("grad_weight", winograd_grad_weight_at(level, &xt, &dy, &s).unwrap(), &dw));
        }
        for (pass, result, expected) in results {
            let error = distance(result.data().unwrap(), expected);
            assert!(error < 2e-6, "{pass} at {level}: error {error:e} for {s:?}, epilogue {epilogue:#b}");
        }
    }
}

#[test]
fn random_shapes_agree_with_the_plain_twin() {
    let mut g = Generator::new(23);
    for i in 0..96 {
        let mut pick = |choices: &[usize]| choices[g.below(choices.len())];
        let (c, k) = (pick(&[16, 32, 48, 80, 128]), pick(&[16, 32, 48, 64, 96]));
        let x = [pick(&[1, 1, 2, 5, 33]), c, pick(&[1, 2, 3, 4, 5, 7, 8, 13]), pick(&[1, 2, 4, 6, 7, 8, 9, 14, 19])];
        let padding = (pick(&[0, 1, 1, 2, 3]), pick(&[0, 1, 1, 2, 3]));
        check(x, k, padding, i % 40, &mut g);
    }
}

#[test]
fn few_tiles_of_many_channels_and_many_tiles_of_few() {
    let mut g = Generator::new(24);
    check([1, 256, 7, 7], 256, (1, 1), 0b1111, &mut g);
    check([2, 16, 61, 57], 32, (1, 1), 0b11011, &mut g);
    check([5, 80, 21, 18], 160, (1, 1), 0, &mut g);
}

/// It is 6e-7; with 256 products in a row it would be 1.2e-6, at the points 0, 1, -1, 1/2, -2 as well 1.6e-6.
#[test]
fn points_and_segments_keep_the_error_small_over_many_channels() {
    let mut g = Generator::new(26);
    let options = Conv2dOptions { padding: (1, 1), ..Default::default() };
    let (x, w) = ([1, 256, 12, 12], [64, 256, 3, 3]);
    let s = ConvShape::new(&x, &w, &options).unwrap();
    let x = random(&x, Layout::ChannelsLast, &mut g).relu().unwrap();
    let w = random(&w, Layout::Blocked, &mut g);
    let mut expected = vec![0.0; s.output_dims().iter().product()];
    generic::conv2d::forward(&s, &f64s(&x), &f64s(&w), &mut expected);
    for level in SimdLevel::available() {
        let y = winograd_forward_at(level, &x, &w, &s, Epilogue::default()).unwrap();
        let error = distance(y.data().unwrap(), &expected);
        assert!(error < 8e-7, "at {level}: error {error:e}");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut g = Generator::new(25);
    for (x, k) in [([3, 48, 29, 30], 96), ([2, 256, 9, 7], 160), ([1, 64, 57, 56], 64), ([1, 128, 28, 28], 128)] {
        let options = Conv2dOptions { padding: (1, 1), ..Default::default() };
        let s = ConvShape::new(&x, &[k, x[1], 3, 3], &options).unwrap();
        let (x, w) = (random(&x, Layout::ChannelsLast, &mut g), random(&s.weight_dims(), Layout::Blocked, &mut g));
        let dy = random(&s.output_dims(), Layout::ChannelsLast, &mut g);
        for level in SimdLevel::available() {
            let all = || {
                let y = winograd_forward_at(level, &x, &w, &s, Epilogue::default()).unwrap();
                let dx = winograd_grad_input_at(level, &dy, &w, &s, Epilogue::default()).unwrap();
                let dw = winograd_grad_weight_at(level, &x, &dy, &s).unwrap();
                [y, dx, dw].map(|t| t.to_vec::<f32>().unwrap())
            };
            let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(all);
            let one = on(1);
            assert!(one == on(2) && one == on(3) && one == on(8), "{s:?} at {level}");
        }
    }
}
