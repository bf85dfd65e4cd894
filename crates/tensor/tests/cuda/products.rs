//! Products of matrices, linear layers and convolutions.

use tensor::{
    DType, Layout,
    ops::{Conv2dOptions, ConvMethod, Epilogue, Unary},
};

use super::{FLOATS, Random, check, in_floats};

#[test]
fn matrix_products() {
    let mut random = Random::new(12);
    for (batch, m, k, n) in [(0, 5, 7, 3), (0, 70, 33, 129), (3, 64, 64, 64), (2, 1, 300, 5), (0, 4, 1, 4)] {
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let dims = |a: usize, b: usize, swap: bool| {
                let matrix = if swap { [b, a] } else { [a, b] };
                if batch == 0 { matrix.to_vec() } else { [&[batch], &matrix[..]].concat() }
            };
            let inputs = [random.tensor(&dims(m, k, ta)), random.tensor(&dims(k, n, tb))];
            for (dtype, tolerance, inputs) in in_floats(&inputs) {
                check(&format!("matmul {batch} {m} {k} {n} {ta} {tb} {dtype}"), tolerance, &inputs, |t| {
                    Ok(vec![t[0].matmul_transposed(&t[1], ta, tb)?])
                });
            }
        }
    }
    for (rows, c, k) in [(1, 512, 1000), (32, 512, 10), (5, 9, 33)] {
        let inputs = [random.tensor(&[rows, c]), random.laid_out(&[k, c], Layout::Blocked), random.tensor(&[k]), random.tensor(&[rows, k])];
        for (dtype, tolerance, inputs) in in_floats(&inputs) {
            check(&format!("linear {rows} {c} {k} {dtype}"), tolerance, &inputs, |t| {
                let method = ConvMethod::Direct;
                Ok(vec![
                    t[0].linear(&t[1], Some(&t[2]), method)?,
                    t[3].linear_grad_input(&t[1], method)?,
                    t[3].linear_grad_weight(&t[0], method)?,
                ])
            });
        }
    }
}

/// One convolution with its gradients.
fn convolution(random: &mut Random, x: [usize; 4], (k, r, s): (usize, usize, usize), options: Conv2dOptions, dtypes: &[DType]) {
    let [n, c, h, w] = x;
    let size = |size: usize, kernel: usize, o: (usize, usize, usize)| {
        (size + 2 * o.1).checked_sub(o.2 * (kernel - 1) + 1).map(|room| room / o.0 + 1)
    };
    let vertical = size(h, r, (options.stride.0, options.padding.0, options.dilation.0));
    let horizontal = size(w, s, (options.stride.1, options.padding.1, options.dilation.1));
    let Some((p, q)) = vertical.zip(horizontal) else { return };
    let weight = [k, c / options.groups, r, s];
    let inputs = [
        random.last(&[n, c, h, w]),
        random.laid_out(&weight, Layout::Blocked),
        random.last(&[n, k, p, q]),
        random.tensor(&[k]),
        random.tensor(&[k]),
    ];
    for (dtype, tolerance, inputs) in in_floats(&inputs).into_iter().filter(|(dtype, ..)| dtypes.contains(dtype)) {
        let name = format!("conv2d {x:?} {weight:?} {options:?} {dtype}");
        // Tensor cores do not round their sums to the nearest.
        let tolerance = if options.method == ConvMethod::Bf16 { 3e-5 } else { tolerance };
        check(&name, tolerance, &inputs, |t| {
            let epilogues = [
                Epilogue { shift: Some(&t[3]), ..Default::default() },
                Epilogue {
                    scale: Some(&t[4]),
                    shift: Some(&t[3]),
                    residual: Some(t[2].clone()),
                    activation: Some(Unary::Relu),
                    dtype: None,
                },
                Epilogue { activation: Some(Unary::Silu), ..Default::default() },
                Epilogue { activation: Some(Unary::Clamp { min: 0.0, max: 6.0 }), ..Default::default() },
            ];
            let outputs = epilogues.iter().map(|e| t[0].conv2d_fused(&t[1], &options, e.clone()));
            let grads = [
                t[2].conv2d_grad_input(&t[1], t[0].dims(), &options),
                t[2].conv2d_grad_input_onto(&t[1], &options, t[0].clone()),
                t[2].conv2d_grad_weight(&t[0], &weight, &options),
            ];
            outputs.chain(grads).collect()
        });
    }
}

#[test]
fn convolutions_of_random_shapes() {
    let mut random = Random::new(13);
    for _ in 0..60 {
        let groups = random.pick(&[1, 1, 1, 2, 3, 8]);
        let per_group = |random: &mut Random| random.pick(&[1, 2, 3, 4, 8, 12, 20]);
        let (c, k) = (groups * per_group(&mut random), groups * per_group(&mut random));
        let (r, s) = (random.between(1, 4), random.between(1, 4));
        let x = [random.between(1, 3), c, random.between(1, 12), random.between(1, 12)];
        let mut both = |of: &[usize]| (random.pick(of), random.pick(of));
        let (stride, padding, dilation) = (both(&[1, 1, 2, 3]), both(&[0, 1, 2]), both(&[1, 1, 2]));
        let options = Conv2dOptions { stride, padding, dilation, groups, method: ConvMethod::Direct };
        convolution(&mut random, x, (k, r, s), options, &FLOATS);
    }
}

#[test]
fn convolutions_of_networks() {
    let mut random = Random::new(14);
    let square = |stride, padding| Conv2dOptions { stride: (stride, stride), padding: (padding, padding), ..Default::default() };
    let grouped = |o: Conv2dOptions, groups| Conv2dOptions { groups, ..o };
    let f32 = &[DType::F32];
    for (x, (k, kernel), options) in [
        ([2, 3, 40, 40], (64, 7), square(2, 3)),
        ([2, 64, 14, 14], (64, 3), square(1, 1)),
        ([2, 64, 14, 14], (128, 3), square(2, 1)),
        ([1, 512, 7, 7], (512, 3), square(1, 1)),
        ([2, 256, 9, 9], (64, 1), square(1, 0)),
        ([8, 64, 32, 32], (160, 1), square(1, 0)),
        ([2, 96, 14, 14], (96, 3), grouped(square(1, 1), 96)),
        ([2, 96, 14, 14], (96, 5), grouped(square(2, 2), 96)),
        ([2, 32, 14, 14], (64, 3), grouped(square(1, 1), 32)),
        ([2, 128, 14, 14], (128, 3), grouped(square(1, 1), 32)),
        ([2, 96, 14, 14], (96, 3), grouped(square(2, 1), 2)),
        ([2, 40, 14, 14], (72, 3), grouped(square(1, 1), 2)),
        ([4, 512, 1, 1], (512, 3), square(1, 1)),
        ([3, 10, 21, 21], (10, 7), square(1, 3)),
    ] {
        convolution(&mut random, x, (k, kernel, kernel), options, f32);
    }
    let long = Conv2dOptions { padding: (0, 3), ..Default::default() };
    convolution(&mut random, [2, 48, 17, 17], (40, 1, 7), long, f32);
    let bf16 = Conv2dOptions { method: ConvMethod::Bf16, ..square(1, 1) };
    convolution(&mut random, [2, 64, 9, 9], (64, 3, 3), bf16, f32);
}
