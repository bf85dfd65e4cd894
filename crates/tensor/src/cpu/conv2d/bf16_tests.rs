//! Activations that are stored as bf16: at every level, results are to the bit those of the same numbers in `f32`, rounded.

use super::{
    tests::{activation, giving_away, onto, random},
    weight::grouping,
    *,
};
use crate::{
    ops::{Conv2dOptions, FusedConv2d},
    random::Generator,
};

/// A tensor, stored as bf16 and as `f32`.
fn both(dims: &[usize], g: &mut Generator) -> [Tensor; 2] {
    let stored = random(dims, Layout::ChannelsLast, g).to_dtype(DType::Bf16).unwrap();
    [stored.clone(), stored.widened().unwrap()]
}

fn assert_same(got: Result<Tensor>, expected: Result<Tensor>, what: &str) {
    let (got, expected) = (got.unwrap(), expected.unwrap());
    let expected = expected.to_dtype(got.dtype()).unwrap();
    assert!(got.to_f64_vec().unwrap() == expected.to_f64_vec().unwrap(), "{what}");
}

/// Checks all passes.
fn check(x: [usize; 4], w: [usize; 4], options: Conv2dOptions, g: &mut Generator) {
    let options = Conv2dOptions { method: ConvMethod::Bf16, ..options };
    let Ok(s) = ConvShape::new(&x, &w, &options) else { return };
    let ([x, wide_x], [dy, wide_dy], w) = (both(&x, g), both(&s.output_dims(), g), random(&w, Layout::Blocked, g));
    let (scale, shift) = (random(&[s.k], Layout::Contiguous, g), random(&[s.k], Layout::Contiguous, g));
    let activation = activation(g.below(5));
    let epilogue = |residual: &Tensor| Epilogue {
        scale: Some(&scale),
        shift: Some(&shift),
        residual: Some(residual.clone()),
        activation,
        ..Default::default()
    };
    let depthwise = depthwise::applies(DType::Bf16, &s);
    for level in SimdLevel::available() {
        let what = |pass: &str| format!("{pass} at {level}: {s:?}");
        let of_gradients =
            [(Epilogue::default(), Epilogue::default()), (onto(&wide_x), onto(&x)), (onto(&wide_x), giving_away::<bf16>(&onto(&x)))];
        if depthwise {
            let forward = depthwise_forward_at::<f32>(level, &wide_x, &w, &s, &epilogue(&wide_dy));
            assert_same(depthwise_forward_at::<bf16>(level, &x, &w, &s, &epilogue(&dy)), forward, &what("forward"));
            for (wide_e, e) in of_gradients {
                let grad = depthwise_grad_input_at::<f32>(level, &wide_dy, &w, &s, &wide_e);
                assert_same(depthwise_grad_input_at::<bf16>(level, &dy, &w, &s, &e), grad, &what("grad_input"));
            }
            let grad = depthwise_grad_weight_at::<f32>(level, &wide_x, &wide_dy, &s);
            assert_same(depthwise_grad_weight_at::<bf16>(level, &x, &dy, &s), grad, &what("grad_weight"));
            continue;
        }
        let Some(piece) = grouping(&s) else { return };
        let expected = forward_at::<f32>(level, &wide_x, &w, &s, epilogue(&wide_dy), piece);
        for given in [epilogue(&dy), giving_away::<bf16>(&epilogue(&dy))] {
            assert_same(forward_at::<bf16>(level, &x, &w, &s, given, piece), expected.clone(), &what("forward"));
        }
        assert_same(forward_at::<bf16>(level, &wide_x, &w, &s, epilogue(&dy), piece), expected.clone(), &what("forward of f32"));
        assert_same(forward_at::<f32>(level, &x, &w, &s, epilogue(&wide_dy), piece), expected, &what("forward to f32"));
        for (wide_e, e) in of_gradients {
            let expected = grad_input_at::<f32>(level, &wide_dy, &w, &s, wide_e, piece);
            assert_same(grad_input_at::<bf16>(level, &dy, &w, &s, e, piece), expected, &what("grad_input"));
        }
        let expected = grad_weight_at::<f32>(level, &wide_x, &wide_dy, &s, piece);
        assert_same(grad_weight_at::<bf16>(level, &x, &dy, &s, piece), expected, &what("grad_weight"));
    }
}

#[test]
fn of_random_shapes() {
    let mut g = Generator::new(41);
    for _ in 0..100 {
        let mut pick = |choices: &[usize]| choices[g.below(choices.len())];
        let (r, s) = (pick(&[1, 1, 2, 3, 3, 5]), pick(&[1, 1, 2, 3, 3, 5]));
        let (c, k) = (pick(&[1, 3, 8, 16, 19, 32, 40, 64]), pick(&[1, 5, 16, 17, 31, 32, 33, 64, 70]));
        let x = [pick(&[1, 2, 3, 5, 17]), c, pick(&[1, 2, 4, 5, 8, 13, 16]), pick(&[1, 2, 4, 7, 8, 13, 16, 31])];
        let options = Conv2dOptions {
            stride: (pick(&[1, 1, 2, 3]), pick(&[1, 1, 2, 3])),
            padding: (pick(&[0, 1, 1, 2]), pick(&[0, 1, 1, 2])),
            dilation: (pick(&[1, 1, 1, 2]), pick(&[1, 1, 1, 2])),
            ..Default::default()
        };
        check(x, [k, c, r, s], options, &mut g);
    }
}

#[test]
fn of_groups_and_single_channels() {
    let mut g = Generator::new(42);
    for (groups, cg, kg) in [(2, 32, 32), (32, 4, 4), (4, 16, 16), (64, 1, 1), (17, 1, 1), (40, 1, 1)] {
        for (stride, size, images) in [(1, 6, 3), (2, 7, 2), (2, 15, 1)] {
            let options = Conv2dOptions { stride: (stride, stride), padding: (1, 1), groups, ..Default::default() };
            check([images, groups * cg, size, size], [groups * kg, cg, 3, 3], options, &mut g);
        }
    }
}

#[test]
fn of_outputs_past_the_caches() {
    let mut g = Generator::new(43);
    check([9, 32, 128, 128], [64, 32, 1, 1], Conv2dOptions::default(), &mut g);
}

#[test]
fn whatever_the_method_and_the_kernels() {
    let mut g = Generator::new(44);
    for method in [ConvMethod::Fastest, ConvMethod::Direct, ConvMethod::Winograd, ConvMethod::Bf16] {
        for (c, k, groups) in [(16, 8, 1), (6, 6, 3), (16, 16, 16)] {
            let options = Conv2dOptions { padding: (1, 1), groups, method, ..Default::default() };
            let ([x, wide_x], [dy, wide_dy]) = (both(&[2, c, 9, 9], &mut g), both(&[2, k, 9, 9], &mut g));
            let w = random(&[k, c / groups, 3, 3], Layout::Blocked, &mut g);
            let forward = |x: &Tensor, residual: &Tensor, dtype| {
                let epilogue = Epilogue { residual: Some(residual.clone()), dtype, ..Default::default() };
                x.conv2d_fused(&w, &options, epilogue)
            };
            let expected = forward(&wide_x, &wide_dy, None);
            assert_eq!(forward(&x, &dy, None).unwrap().dtype(), DType::Bf16);
            assert_same(forward(&x, &dy, None), expected.clone(), "bf16");
            assert_same(forward(&wide_x, &dy, Some(DType::Bf16)), expected.clone(), "f32 to bf16");
            assert_same(forward(&x, &wide_dy, Some(DType::F32)), expected, "bf16 to f32");
            let dims = x.dims();
            assert_same(dy.conv2d_grad_input(&w, dims, &options), wide_dy.conv2d_grad_input(&w, dims, &options), "grad_input");
            let onto = |dy: &Tensor, sum: &Tensor| dy.conv2d_grad_input_onto(&w, &options, sum.clone());
            assert_same(onto(&dy, &x), onto(&wide_dy, &wide_x), "grad_input onto bf16");
            let separate = |dy: &Tensor, sum: &Tensor| dy.conv2d_grad_input(&w, dims, &options)?.to_dtype(sum.dtype())?.add(sum);
            assert_same(onto(&dy, &wide_x), separate(&dy, &wide_x), "bf16 onto f32");
            assert_same(onto(&wide_dy, &wide_x), separate(&wide_dy, &wide_x), "f32 onto f32");
            assert_same(onto(&wide_dy, &x), separate(&wide_dy, &x), "f32 onto bf16");
            let expected = wide_dy.conv2d_grad_weight(&wide_x, w.dims(), &options);
            for (x, dy) in [(&x, &dy), (&wide_x, &dy), (&x, &wide_dy)] {
                assert_same(dy.conv2d_grad_weight(x, w.dims(), &options), expected.clone(), "grad_weight");
            }
        }
    }
}

#[test]
fn of_two_convolutions_and_of_scaled_inputs() {
    let mut g = Generator::new(45);
    let [x, wide_x] = both(&[1, 16, 28, 28], &mut g);
    let [w, dw] = [random(&[32, 16, 1, 1], Layout::Blocked, &mut g), random(&[32, 1, 3, 3], Layout::Blocked, &mut g)];
    let options = [Conv2dOptions::default(), Conv2dOptions { padding: (1, 1), groups: 32, ..Default::default() }];
    let conv = |weight, i: usize, dtype| FusedConv2d { weight, options: options[i], epilogue: Epilogue { dtype, ..Default::default() } };
    let types = [None, Some(DType::F32), Some(DType::Bf16)];
    for (x, between, behind) in [&x, &wide_x].into_iter().flat_map(|x| types.into_iter().flat_map(move |a| types.map(|b| (x, a, b)))) {
        let (first, second) = (conv(&w, 0, between), conv(&dw, 1, behind));
        let middle = x.conv2d_fused(&w, &options[0], first.epilogue.clone()).unwrap();
        let apart = middle.conv2d_fused(&dw, &options[1], second.epilogue.clone()).unwrap();
        assert_eq!(apart.dtype(), behind.or(between).unwrap_or(x.dtype()));
        let (with_means, _) = x.conv2d_pair_with_means(first.clone(), second.clone()).unwrap();
        for together in [x.conv2d_pair(first, second).unwrap(), with_means] {
            assert_eq!(together.dtype(), apart.dtype(), "{between:?} {behind:?}");
            assert_same(Ok(together), Ok(apart.clone()), "pairs");
        }
    }
    // Of one picture, the factors go into the weight; of several, into the input.
    let [many, _] = both(&[2, 16, 28, 28], &mut g);
    for x in [&x, &many] {
        let [stored, factors] = both(&[x.dims()[0], 16, 1, 1], &mut g);
        let scaled = |factors| x.conv2d_scaled(factors, conv(&w, 0, None));
        assert_eq!(scaled(&factors).unwrap().dtype(), DType::Bf16);
        assert_same(scaled(&factors), scaled(&stored), "factors of f32");
    }
}

#[test]
fn types_that_do_not_go_together_are_refused() {
    let ones = |dtype| Tensor::ones([1, 2, 3, 3], dtype).unwrap();
    let (f32, f64, bf16) = (ones(DType::F32), ones(DType::F64), ones(DType::Bf16));
    let error = |x: &Tensor, dtype| {
        let epilogue = Epilogue { dtype: Some(dtype), ..Default::default() };
        x.conv2d_fused(&x.widened().unwrap(), &Conv2dOptions::default(), epilogue).unwrap_err().to_string()
    };
    assert!(error(&f64, DType::Bf16).contains("bfloat16") && error(&f32, DType::I64).contains("int64"));
    assert!(error(&bf16, DType::F64).contains("float64"));
    assert!(bf16.conv2d(&f64, None, &Conv2dOptions::default()).unwrap_err().to_string().contains("float64"));
}
