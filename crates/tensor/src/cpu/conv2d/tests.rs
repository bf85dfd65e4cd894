//! The vector kernels against their plain twin in f64, over random shapes, at every level of this processor.

use super::{weight::grouping, *};
use crate::{
    cpu::dispatch::SimdLevel,
    ops::{Conv2dOptions, Unary},
    random::Generator,
};

pub(super) fn random(dims: &[usize], layout: Layout, g: &mut Generator) -> Tensor {
    Tensor::uniform(dims, -1.0, 1.0, g).unwrap().to_layout(layout).unwrap()
}

/// Relative L2 distance.
pub(super) fn distance(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let difference: f64 = a.iter().zip(b).map(|(&a, &b)| (a as f64 - b).powi(2)).sum();
    let norm: f64 = b.iter().map(|b| b * b).sum();
    if norm == 0.0 { difference } else { (difference / norm).sqrt() }
}

pub(super) fn f64s(t: &Tensor) -> Vec<f64> {
    t.data::<f32>().unwrap().iter().map(|&v| v as f64).collect()
}

/// The same with a residual that nobody else holds, whose memory the output may take.
pub(super) fn giving_away<'a, E: Stored>(e: &Epilogue<'a>) -> Epilogue<'a> {
    let residual = e.residual.as_ref().map(|residual| {
        let mut own = residual.clone();
        own.data_mut::<E>().unwrap(); // copies what is shared
        own
    });
    Epilogue { residual, ..e.clone() }
}

/// An epilogue that adds `sum`.
pub(super) fn onto(sum: &Tensor) -> Epilogue<'static> {
    Epilogue { residual: Some(sum.clone()), ..Default::default() }
}

/// Element by element.
pub(super) fn added(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

/// Where its elements begin.
pub(super) fn address(t: &Tensor) -> *const f32 {
    t.data().unwrap().as_ptr()
}

/// None, or one of several.
pub(super) fn activation(choice: usize) -> Option<Unary> {
    [None, Some(Unary::Relu), Some(Unary::Clamp { min: 0.0, max: 6.0 }), Some(Unary::Silu), Some(Unary::Hardswish)][choice % 5]
}

/// What the activation makes of values.
pub(super) fn activated(values: Vec<f64>, activation: Option<Unary>) -> Vec<f64> {
    let len = values.len();
    let values = Tensor::from_vec(values, [len]).unwrap();
    activation.map_or(Ok(values.clone()), |op| values.unary(op)).unwrap().to_vec().unwrap()
}

/// Checks all passes, with operands that are exact in bf16 where the method asks for that.
fn check(x: [usize; 4], w: [usize; 4], options: Conv2dOptions, g: &mut Generator) {
    check_method(x, w, options, g);
    check_method(x, w, Conv2dOptions { method: ConvMethod::Bf16, ..options }, g);
}

fn check_method(x: [usize; 4], w: [usize; 4], options: Conv2dOptions, g: &mut Generator) {
    let Ok(s) = ConvShape::new(&x, &w, &options) else { return };
    let random = |dims: &[usize], layout, g: &mut _| {
        let t = random(dims, layout, g);
        let bf16 = options.method == ConvMethod::Bf16;
        if bf16 { t.to_dtype(crate::DType::Bf16).and_then(|t| t.to_dtype(crate::DType::F32)).unwrap() } else { t }
    };
    let depthwise = depthwise::applies(crate::DType::F32, &s);
    let Some(piece) = grouping(&s).or(depthwise.then_some(Grouping { inputs: 1, outputs: 1, joined: 1 })) else { return };
    let (xt, wt) = (random(&x, Layout::ChannelsLast, g), random(&w, Layout::Blocked, g));
    let dy = random(&s.output_dims(), Layout::ChannelsLast, g);
    let (scale, shift) = (random(&[s.k], Layout::Contiguous, g), random(&[s.k], Layout::Contiguous, g));
    let epilogue = Epilogue {
        scale: Some(&scale),
        shift: Some(&shift),
        residual: Some(dy.clone()),
        activation: activation(g.below(5)),
        ..Default::default()
    };
    let (x64, w64, dy64) = (f64s(&xt), f64s(&wt), f64s(&dy));
    let mut y = vec![0.0; dy64.len()];
    generic::conv2d::forward(&s, &x64, &w64, &mut y);
    generic::conv2d::epilogue(s.k, &mut y, Some(&f64s(&scale)), Some(&f64s(&shift)), Some(&dy64));
    let y = activated(y, epilogue.activation);
    let mut dx = vec![0.0; x64.len()];
    generic::conv2d::grad_input(&s, &dy64, &w64, &mut dx);
    let dx_onto = added(&dx, &x64);
    let mut dw = vec![0.0; w64.len()];
    generic::conv2d::grad_weight(&s, &x64, &dy64, &mut dw);
    for level in SimdLevel::available() {
        let results = if depthwise {
            [
                (depthwise_forward_at::<f32>(level, &xt, &wt, &s, &epilogue), &y),
                (depthwise_grad_input_at::<f32>(level, &dy, &wt, &s, &Epilogue::default()), &dx),
                (depthwise_grad_input_at::<f32>(level, &dy, &wt, &s, &giving_away::<f32>(&onto(&xt))), &dx_onto),
                (depthwise_grad_weight_at::<f32>(level, &xt, &dy, &s), &dw),
            ]
        } else {
            let given = giving_away::<f32>(&epilogue);
            let memory = address(given.residual.as_ref().unwrap());
            let in_place = forward_at::<f32>(level, &xt, &wt, &s, given, piece).unwrap();
            assert_eq!(address(&in_place), memory, "at {level}: {s:?}");
            let beside = forward_at::<f32>(level, &xt, &wt, &s, epilogue.clone(), piece);
            assert!(beside.as_ref().unwrap().data::<f32>().unwrap() == in_place.data::<f32>().unwrap(), "in place at {level}: {s:?}");
            [
                (beside, &y),
                (grad_input_at::<f32>(level, &dy, &wt, &s, Epilogue::default(), piece), &dx),
                (grad_input_at::<f32>(level, &dy, &wt, &s, giving_away::<f32>(&onto(&xt)), piece), &dx_onto),
                (grad_weight_at::<f32>(level, &xt, &dy, &s, piece), &dw),
            ]
        };
        for (pass, (result, expected)) in ["forward", "grad_input", "grad_input_onto", "grad_weight"].iter().zip(results) {
            let error = distance(result.unwrap().data().unwrap(), expected);
            assert!(error < 2e-6, "{pass} at {level}: error {error:e} for {s:?}");
        }
    }
}

#[test]
fn random_shapes_agree_with_the_plain_twin() {
    let mut g = Generator::new(17);
    for _ in 0..150 {
        let mut pick = |choices: &[usize]| choices[g.below(choices.len())];
        let (r, s) = (pick(&[1, 1, 2, 3, 3, 5, 7]), pick(&[1, 1, 2, 3, 3, 5, 7]));
        let (c, k) = (pick(&[1, 3, 8, 16, 19, 33, 40]), pick(&[1, 5, 10, 16, 17, 31, 32, 33, 64, 70]));
        let x = [pick(&[1, 2, 3, 5, 17, 33]), c, pick(&[1, 2, 4, 5, 8, 13, 16]), pick(&[1, 2, 4, 5, 7, 8, 13, 14, 16, 31])];
        let options = Conv2dOptions {
            stride: (pick(&[1, 1, 2, 3]), pick(&[1, 1, 2, 3])),
            padding: (pick(&[0, 1, 1, 2, 3]), pick(&[0, 1, 1, 2, 3])),
            dilation: (pick(&[1, 1, 1, 2]), pick(&[1, 1, 1, 2])),
            ..Default::default()
        };
        check(x, [k, c, r, s], options, &mut g);
    }
}

#[test]
fn maps_smaller_than_the_kernel_agree_with_the_plain_twin() {
    let mut g = Generator::new(20);
    for (c, size) in [(3, 1), (3, 2), (6, 1), (16, 1), (16, 2), (16, 3)] {
        for kernel in [3, 5, 7] {
            let options = Conv2dOptions { padding: (kernel / 2, kernel / 2), ..Default::default() };
            check([3, c, size, size], [40, c, kernel, kernel], options, &mut g);
        }
    }
}

#[test]
fn runs_over_rows_agree_with_the_plain_twin() {
    let mut g = Generator::new(23);
    for (images, channels, size, kernel) in [
        (1, 64, (7, 7), (3, 3)),
        (2, 40, (17, 17), (1, 7)),
        (1, 32, (17, 17), (7, 1)),
        (1, 33, (5, 6), (3, 3)),
        (3, 48, (35, 18), (5, 5)),
        (1, 96, (9, 40), (3, 3)),
    ] {
        let options = Conv2dOptions { padding: (kernel.0 / 2, kernel.1 / 2), ..Default::default() };
        check([images, channels, size.0, size.1], [50, channels, kernel.0, kernel.1], options, &mut g);
    }
}

/// Weight gradients of pictures that are cut into chunks of rows, and pixels whose channels are a multiple of 4 KB apart.
#[test]
fn cut_pictures_and_wide_pixels_agree_with_the_plain_twin() {
    let mut g = Generator::new(29);
    for (x, k, kernel, stride) in [
        ([2, 20, 61, 33], 40, 3, 2),
        ([1, 33, 70, 40], 70, 1, 2),
        ([2, 3, 70, 70], 33, 7, 2),
        ([1, 1024, 3, 11], 33, 1, 1),
        ([2, 1024, 3, 9], 64, 1, 2),
    ] {
        let options = Conv2dOptions { stride: (stride, stride), padding: (kernel / 2, kernel / 2), ..Default::default() };
        check(x, [k, x[1], kernel, kernel], options, &mut g);
    }
}

#[test]
fn depthwise_agrees_with_the_plain_twin() {
    let mut g = Generator::new(21);
    for channels in [16, 17, 24, 32, 40, 72, 96, 131] {
        for (kernel, stride, size, images) in [(3, 1, 7, 2), (3, 2, 14, 1), (5, 1, 9, 2), (5, 2, 8, 3), (7, 1, 11, 1), (3, 1, 1, 3)] {
            let options =
                Conv2dOptions { stride: (stride, stride), padding: (kernel / 2, kernel / 2), groups: channels, ..Default::default() };
            check([images, channels, size, size + 1], [channels, 1, kernel, kernel], options, &mut g);
        }
    }
}

#[test]
fn expanding_and_depthwise_together_are_the_same_bit_for_bit_as_one_after_the_other() {
    let mut g = Generator::new(22);
    for round in 0..40 {
        let mut pick = |choices: &[usize]| choices[g.below(choices.len())];
        let (n, c, k) = (pick(&[0, 1, 1, 2, 3]), pick(&[1, 7, 16, 24, 300]), pick(&[16, 32, 48, 80, 144]));
        let (kernel, stride, dilation) = (pick(&[3, 3, 5]), pick(&[1, 2]), pick(&[1, 1, 2]));
        // Rows that are expanded one by one, and several at a time.
        let size =
            if round % 8 == 0 { (pick(&[97, 112]), pick(&[112, 131])) } else { (pick(&[1, 2, 7, 14, 23]), pick(&[1, 3, 7, 14, 28])) };
        let padding = if kernel * dilation > size.0.min(size.1) { kernel * dilation } else { pick(&[0, kernel / 2]) };
        let of_both = (
            Conv2dOptions::default(),
            Conv2dOptions {
                stride: (stride, stride),
                padding: (padding, padding),
                dilation: (dilation, dilation),
                groups: k,
                ..Default::default()
            },
        );
        let x = random(&[n, c, size.0, size.1], Layout::ChannelsLast, &mut g);
        let weights = [random(&[k, c, 1, 1], Layout::Blocked, &mut g), random(&[k, 1, kernel, kernel], Layout::Blocked, &mut g)];
        let channels: [Tensor; 4] = std::array::from_fn(|_| random(&[k], Layout::Contiguous, &mut g));
        let first = ConvStep {
            shape: ConvShape::new(x.dims(), weights[0].dims(), &of_both.0).unwrap(),
            weight: weights[0].clone(),
            epilogue: Epilogue {
                scale: Some(&channels[0]),
                shift: Some(&channels[1]),
                activation: activation(g.below(5)),
                ..Default::default()
            },
        };
        let second = ConvStep {
            shape: ConvShape::new(&first.shape.output_dims(), weights[1].dims(), &of_both.1).unwrap(),
            weight: weights[1].clone(),
            epilogue: Epilogue {
                scale: Some(&channels[2]),
                shift: Some(&channels[3]),
                activation: activation(g.below(5)),
                ..Default::default()
            },
        };
        assert!(expand_depthwise::applies(crate::DType::F32, &first.shape, &second.shape));
        for level in SimdLevel::available() {
            let mut of_one_thread = None;
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut sums = RowSums::new(&second.shape);
                let (apart, together) = pool.install(|| {
                    let piece = grouping(&first.shape).unwrap();
                    let expanded = forward_at::<f32>(level, &x, &first.weight, &first.shape, first.epilogue.clone(), piece).unwrap();
                    let apart = depthwise_forward_at::<f32>(level, &expanded, &second.weight, &second.shape, &second.epilogue).unwrap();
                    (apart, expand_depthwise_at(level, &x, &first, &second, Some(&mut sums)).unwrap())
                });
                assert!(apart.to_vec::<f32>().unwrap() == together.to_vec::<f32>().unwrap(), "{level}, {threads}: {first:?} {second:?}");
                let means = sums.means(level).unwrap();
                let expected = apart.adaptive_avg_pool2d([Some(1), Some(1)]).unwrap();
                let largest = apart.to_vec::<f32>().unwrap().iter().fold(0f32, |most, y| most.max(y.abs()));
                assert_eq!(means.dims(), expected.dims());
                let means = means.to_vec::<f32>().unwrap();
                assert!(means.iter().zip(expected.to_vec::<f32>().unwrap()).all(|(a, b)| (a - b).abs() <= 1e-6 * largest));
                assert_eq!(of_one_thread.get_or_insert(means.clone()), &means, "threads make no difference");
            }
        }
    }
}

#[test]
fn groups_agree_with_the_plain_twin() {
    let mut g = Generator::new(18);
    for (groups, cg, kg) in [(2, 32, 32), (2, 32, 64), (32, 4, 4), (16, 8, 8), (4, 16, 16), (64, 1, 1), (2, 64, 32), (32, 2, 2)] {
        for (stride, size, images) in [(1, 6, 3), (2, 7, 2), (2, 15, 1)] {
            let options = Conv2dOptions { stride: (stride, stride), padding: (1, 1), groups, ..Default::default() };
            check([images, groups * cg, size, size], [groups * kg, cg, 3, 3], options, &mut g);
        }
    }
}

#[test]
fn no_pictures_give_no_output_and_other_empty_sizes_are_refused() {
    let options = Conv2dOptions { padding: (1, 1), ..Default::default() };
    let zeros = |dims: [usize; 4]| Tensor::zeros(dims, crate::DType::F32).unwrap();
    let depthwise = Conv2dOptions { groups: 16, ..options };
    let kernels =
        [([16, 3, 3, 3], options), ([32, 16, 3, 3], options), ([16, 3, 1, 1], Conv2dOptions::default()), ([16, 1, 3, 3], depthwise)];
    for (w, options) in kernels {
        let (x, dy) = (zeros([0, w[1] * options.groups, 4, 4]), zeros([0, w[0], 4, 4]));
        assert_eq!(x.conv2d(&zeros(w), None, &options).unwrap().dims(), dy.dims());
        assert_eq!(dy.conv2d_grad_input(&zeros(w), x.dims(), &options).unwrap().dims(), x.dims());
        let dw = dy.conv2d_grad_weight(&x, &w, &options).unwrap();
        assert!(dw.to_vec::<f32>().unwrap().iter().all(|&v| v == 0.0));
    }
    for (x, w) in
        [([2, 3, 0, 4], [16, 3, 3, 3]), ([2, 3, 4, 0], [16, 3, 3, 3]), ([2, 0, 4, 4], [16, 0, 3, 3]), ([2, 3, 4, 4], [0, 3, 3, 3])]
    {
        let error = zeros(x).conv2d(&zeros(w), None, &options).unwrap_err().to_string();
        assert!(error.contains("at least 1"), "{error}");
    }
}

#[test]
fn a_gradient_takes_the_memory_of_what_it_is_added_to_unless_it_is_shared() {
    let mut g = Generator::new(20);
    for method in [ConvMethod::Direct, ConvMethod::Winograd] {
        let options = Conv2dOptions { padding: (1, 1), method, ..Default::default() };
        let [dy, held] = [0, 1].map(|_| random(&[2, 16, 9, 9], Layout::ChannelsLast, &mut g));
        let w = random(&[16, 16, 3, 3], Layout::Blocked, &mut g);
        let before = held.to_vec::<f32>().unwrap();
        let beside = dy.conv2d_grad_input_onto(&w, &options, held.clone()).unwrap();
        assert!(address(&beside) != address(&held) && held.to_vec::<f32>().unwrap() == before, "{method:?}");
        let memory = address(&held);
        let in_place = dy.conv2d_grad_input_onto(&w, &options, held).unwrap();
        assert_eq!(address(&in_place), memory, "{method:?}");
        assert_eq!(in_place.to_vec::<f32>().unwrap(), beside.to_vec::<f32>().unwrap(), "{method:?}");
        let other_shape = random(&[2, 16, 8, 9], Layout::ChannelsLast, &mut g);
        assert!(dy.conv2d_grad_input_onto(&w, &options, other_shape).is_err());
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut g = Generator::new(19);
    for (x, w, stride) in [
        ([32, 64, 8, 8], [64, 64, 3, 3], 1),
        ([5, 40, 16, 16], [70, 40, 3, 3], 2),
        ([32, 512, 1, 1], [512, 512, 3, 3], 1),
        // Single pictures, whose tasks are cut finer where threads are several.
        ([1, 64, 28, 28], [256, 64, 3, 3], 2),
        ([1, 66, 28, 28], [250, 66, 1, 1], 1),
    ] {
        let options = Conv2dOptions { stride: (stride, stride), padding: (w[2] / 2, w[3] / 2), ..Default::default() };
        let s = ConvShape::new(&x, &w, &options).unwrap();
        let (x, w) = (random(&x, Layout::ChannelsLast, &mut g), random(&w, Layout::Blocked, &mut g));
        let dy = random(&s.output_dims(), Layout::ChannelsLast, &mut g);
        let all = || {
            let results =
                [x.conv2d(&w, None, &options), dy.conv2d_grad_input(&w, x.dims(), &options), dy.conv2d_grad_weight(&x, w.dims(), &options)];
            results.map(|t| t.unwrap().to_vec::<f32>().unwrap())
        };
        let bf16 = ConvShape { options: Conv2dOptions { method: ConvMethod::Bf16, ..options }, ..s };
        let all = || {
            let levels = [SimdLevel::EmulatedAmx, SimdLevel::detect()];
            (all(), levels.map(|level| all_passes_at(level, &x, &w, &dy, &bf16)))
        };
        let on = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(all);
        let one = on(1);
        assert!(one == on(2) && one == on(3) && one == on(8), "{s:?}");
    }
}

/// Output, input gradient and weight gradient.
fn all_passes_at(level: SimdLevel, x: &Tensor, w: &Tensor, dy: &Tensor, s: &ConvShape) -> [Vec<f32>; 3] {
    let piece = grouping(s).unwrap();
    let y = forward_at::<f32>(level, x, w, s, Epilogue::default(), piece).unwrap();
    let (dx, dw) = (
        grad_input_at::<f32>(level, dy, w, s, Epilogue::default(), piece).unwrap(),
        grad_weight_at::<f32>(level, x, dy, s, piece).unwrap(),
    );
    [y, dx, dw].map(|t| t.to_vec::<f32>().unwrap())
}

#[test]
fn bf16_results_are_the_same_bit_for_bit_at_every_level_that_adds_in_the_same_order() {
    let mut g = Generator::new(11);
    for (x, w, padding) in [([2, 37, 9, 8], [40, 37, 3, 3], 1), ([3, 64, 2, 2], [32, 64, 3, 3], 1), ([1, 3, 20, 21], [33, 3, 7, 7], 3)] {
        let options = Conv2dOptions { padding: (padding, padding), method: ConvMethod::Bf16, ..Default::default() };
        let s = ConvShape::new(&x, &w, &options).unwrap();
        let (xt, wt) = (random(&x, Layout::ChannelsLast, &mut g), random(&w, Layout::Blocked, &mut g));
        let dy = random(&s.output_dims(), Layout::ChannelsLast, &mut g);
        let (matrices, pairs): (Vec<_>, Vec<_>) =
            SimdLevel::available().partition(|level| matches!(level, SimdLevel::Amx | SimdLevel::EmulatedAmx));
        assert_eq!(matrices[0], SimdLevel::EmulatedAmx, "the twin is tested on every machine");
        for levels in [matrices, pairs] {
            let results: Vec<_> = levels.iter().map(|&level| all_passes_at(level, &xt, &wt, &dy, &s)).collect();
            assert!(results.iter().all(|r| *r == results[0]), "{s:?} at {levels:?}");
        }
    }
}

#[test]
fn outputs_past_the_caches_are_those_of_their_pictures() {
    let mut g = Generator::new(12);
    let (images, c, k, side) = (5, 32, 64, 128);
    let options = Conv2dOptions { method: ConvMethod::Bf16, ..Default::default() };
    let pictures: Vec<_> = (0..images).map(|_| random(&[1, c, side, side], Layout::ChannelsLast, &mut g)).collect();
    let all = Tensor::cat(&pictures.iter().collect::<Vec<_>>(), 0).unwrap().channels_last().unwrap();
    let (w, shift) = (random(&[k, c, 1, 1], Layout::Blocked, &mut g), random(&[k], Layout::Contiguous, &mut g));
    for level in SimdLevel::available() {
        for activation in [None, Some(Unary::Silu)] {
            let of = |x: &Tensor| {
                let s = ConvShape::new(x.dims(), w.dims(), &options).unwrap();
                let epilogue = Epilogue { shift: Some(&shift), activation, ..Default::default() };
                forward_at::<f32>(level, x, &w, &s, epilogue, grouping(&s).unwrap()).unwrap()
            };
            let (whole, parts) = (of(&all), pictures.iter().map(of).collect::<Vec<_>>());
            let streams = |y: &Tensor| finish::Output::<f32>::plain(k).streaming(y.data().unwrap()).streams;
            assert!(streams(&whole) && !streams(&parts[0]));
            assert!(whole.data::<f32>().unwrap() == parts.iter().flat_map(f64s).map(|v| v as f32).collect::<Vec<_>>(), "at {level}");
        }
    }
}

#[test]
fn pairs_of_a_weight_are_forgotten_when_it_is_written_to() {
    let options = Conv2dOptions { method: ConvMethod::Bf16, ..Default::default() };
    let x = Tensor::ones([1, 2, 1, 1], crate::DType::F32).unwrap();
    let mut w = Tensor::ones([1, 2, 1, 1], crate::DType::F32).unwrap().to_layout(Layout::Blocked).unwrap();
    assert_eq!(x.conv2d(&w, None, &options).unwrap().item().unwrap(), 2.0);
    w.data_mut::<f32>().unwrap().iter_mut().for_each(|w| *w *= 3.0);
    assert_eq!(x.conv2d(&w, None, &options).unwrap().item().unwrap(), 6.0);
}
