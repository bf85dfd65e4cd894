//! The general kernels at every instruction set against plain f64, over odd shapes.

use super::{SimdLevel, avg_pool2d, binary, cross_entropy, layer_norm, masked_scale, max_pool2d, reduce, softmax, unary};
use crate::{
    DType, Layout, Result, Tensor,
    ops::{Binary, LayerNorm, MaxPool2dOptions, Reduce, Softmax, Unary, Window, Windows},
    random::Generator,
};

/// Runs a computation on f32 tensors at every level and on f64 ones at the lowest. Errors count relative to the largest result, at
/// least 1; inputs lie within `scale`.
fn check(what: &str, shapes: &[&[usize]], scale: f64, tolerance: f64, run: impl Fn(SimdLevel, &[Tensor]) -> Result<Tensor>) {
    let mut generator = Generator::new(7);
    let single: Vec<Tensor> = shapes
        .iter()
        .map(|&shape| {
            let t = Tensor::uniform(shape, -scale, scale, &mut generator).unwrap();
            if shape.len() == 4 { t.channels_last().unwrap() } else { t }
        })
        .collect();
    let double: Vec<Tensor> = single.iter().map(|t| t.to_dtype(DType::F64).unwrap()).collect();
    let expected = run(SimdLevel::Generic, &double).unwrap().to_f64_vec().unwrap();
    let largest = expected.iter().fold(1.0, |m: f64, e| m.max(e.abs()));
    for level in SimdLevel::available() {
        let got = run(level, &single).unwrap().to_f64_vec().unwrap();
        assert_eq!(got.len(), expected.len());
        for (g, e) in got.iter().zip(&expected) {
            assert!((g - e).abs() <= tolerance * largest, "{what} at {level}: {g} where {e} is right");
        }
    }
}

/// [`check`], and that bf16 is computed with as the same numbers in `f32`, and then rounded.
fn check_stored(what: &str, shapes: &[&[usize]], scale: f64, tolerance: f64, run: impl Fn(SimdLevel, &[Tensor]) -> Result<Tensor>) {
    check(what, shapes, scale, tolerance, &run);
    let mut generator = Generator::new(8);
    let rounded = |&shape: &&[usize]| {
        let t = Tensor::uniform(shape, -scale, scale, &mut generator).unwrap().to_dtype(DType::Bf16).unwrap();
        if shape.len() == 4 { t.channels_last().unwrap() } else { t }
    };
    let stored: Vec<Tensor> = shapes.iter().map(rounded).collect();
    let wide: Vec<Tensor> = stored.iter().map(|t| t.to_dtype(DType::F32).unwrap()).collect();
    for level in SimdLevel::available() {
        let got = run(level, &stored).unwrap();
        let expected = run(level, &wide).unwrap().to_dtype(got.dtype()).unwrap();
        assert_eq!(got.to_f64_vec().unwrap(), expected.to_f64_vec().unwrap(), "{what} of bf16 at {level}");
    }
}

const ODD: [&[usize]; 4] = [&[1], &[17], &[3, 31], &[2, 35, 3, 5]];

#[test]
fn unary_functions_and_their_gradients() {
    let functions = [
        Unary::Neg,
        Unary::Abs,
        Unary::Exp,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Relu,
        Unary::Gelu,
        Unary::Hardswish,
        Unary::Hardsigmoid,
        Unary::Silu,
        Unary::Clamp { min: -1.0, max: 0.5 },
        Unary::Affine { mul: 3.0, add: -1.0 },
        Unary::Pow(2.0),
        Unary::Pow(3.0),
    ];
    for shape in ODD {
        for op in functions {
            check_stored(&format!("{op:?}"), &[shape], 8.0, 1e-6, |level, x| unary::unary(level, op, &x[0]));
            check_stored(&format!("{op:?} backward"), &[shape, shape], 8.0, 1e-6, |level, x| {
                unary::unary_backward(level, op, &x[0], &x[1])
            });
        }
    }
}

#[test]
fn binary_functions_of_equal_and_broadcast_shapes() {
    let shapes: [[&[usize]; 2]; 5] = [
        [&[37], &[37]],
        [&[2, 19, 3, 5], &[2, 19, 3, 5]],
        [&[2, 19, 3, 5], &[19, 1, 1]],
        [&[19, 1, 1], &[2, 19, 3, 5]],
        [&[3, 1], &[3, 21]],
    ];
    for pair in shapes {
        for op in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Maximum, Binary::Minimum] {
            let shape = crate::Shape::from(if pair[0].len() == 4 { pair[0] } else { pair[1] });
            let layout = if shape.rank() == 4 { Layout::ChannelsLast } else { Layout::Contiguous };
            check_stored(&format!("{op:?}"), &pair, 4.0, 1e-6, |level, x| binary::binary(level, op, &x[0], &x[1], &shape, layout));
        }
        check_stored("masked_scale", &[pair[0]], 1.0, 1e-6, |level, x| {
            let kept = x[0].gt(&Tensor::full([], 0.0, x[0].dtype())?)?;
            masked_scale::masked_scale(level, &x[0], &kept, 1.25)
        });
        check_stored("add_", &[pair[0], pair[0]], 1.0, 1e-6, |level, x| {
            let mut sum = x[0].clone();
            binary::add_assign(level, &mut sum, &x[1])?;
            Ok(sum)
        });
    }
}

#[test]
fn reductions() {
    for reduced in [[false, false, true, true], [true, false, true, true], [false, true, false, false], [true; 4]] {
        for op in [Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::Min] {
            check_stored(&format!("{op:?}"), &[&[3, 37, 7, 9]], 1.0, 1e-6, |level, x| reduce::reduce(level, op, &x[0], &reduced));
        }
    }
}

#[test]
fn softmax_and_cross_entropy() {
    for shape in [[1, 1], [3, 17], [5, 1000]] {
        for op in [Softmax::Plain, Softmax::Log] {
            check(&format!("{op:?}"), &[&shape], 5.0, 1e-6, |level, x| softmax::softmax(level, op, &x[0], 1));
            check(&format!("{op:?} backward"), &[&shape, &shape], 2.0, 1e-5, |level, x| {
                softmax::softmax_backward(level, op, &x[0], &x[1], 1)
            });
        }
        let targets = Tensor::from_vec((0..shape[0]).map(|i| (i * 5 % shape[1]) as i64).collect(), [shape[0]]).unwrap();
        check("cross_entropy", &[&shape], 5.0, 1e-6, |level, x| Ok(cross_entropy::cross_entropy(level, &x[0], &targets, 0.1)?.0));
        check("probabilities", &[&shape], 5.0, 1e-6, |level, x| Ok(cross_entropy::cross_entropy(level, &x[0], &targets, 0.1)?.1));
        check("cross_entropy backward", &[&shape, &[shape[0]]], 1.0, 1e-6, |level, x| {
            cross_entropy::cross_entropy_backward(level, &x[1], &x[0], &targets, 0.1)
        });
    }
}

#[test]
fn pooling() {
    let options = MaxPool2dOptions { kernel_size: [3, 2], stride: [2, 1], padding: [1, 1], dilation: [1, 1], ceil_mode: false };
    for channels in [1, 7, 32, 43] {
        let shape = [2, channels, 5, 6];
        let output = crate::Shape::from([2, channels, 3, 7]);
        let pool = |level, x: &Tensor| max_pool2d::max_pool2d(level, x, &output, &options);
        check_stored("max_pool2d", &[&shape], 1.0, 0.0, |level, x| Ok(pool(level, &x[0])?.0));
        check_stored("max_pool2d alone", &[&shape], 1.0, 0.0, |level, x| {
            let values = max_pool2d::max_pool2d_values(level, &x[0], &output, &options)?;
            assert_eq!(values.to_f64_vec()?, pool(level, &x[0])?.0.to_f64_vec()?);
            Ok(values)
        });
        check_stored("max_pool2d backward", &[&shape, &output], 1.0, 1e-6, |level, x| {
            let (_, places) = pool(level, &x[0])?;
            max_pool2d::max_pool2d_backward(level, &x[1], &places, x[0].shape(), &options)
        });
        let along = |size: usize| -> Vec<Window> { (0..size - 1).map(|i| Window { places: i..i + 2, count: 3 }).collect() };
        let windows = Windows { rows: along(5), columns: along(6) };
        check_stored("avg_pool2d", &[&shape], 1.0, 1e-6, |level, x| avg_pool2d::avg_pool2d(level, &x[0], &windows));
        check_stored("avg_pool2d backward", &[&[2, channels, 4, 5]], 1.0, 1e-6, |level, x| {
            avg_pool2d::avg_pool2d_backward(level, &x[0], &shape.into(), &windows)
        });
    }
}

#[test]
fn layer_norms() {
    for len in [1, 7, 16, 43, 96] {
        let (shape, normalized_shape) = ([37, len], crate::Shape::from([len]));
        let norm = LayerNorm { normalized_shape: &normalized_shape, weight: None, bias: None, eps: 1e-2 };
        check("layer_norm", &[&shape, &[len], &[len]], 2.0, 2e-6, |level, x| {
            layer_norm::layer_norm(level, &x[0], &LayerNorm { weight: Some(&x[1]), bias: Some(&x[2]), ..norm })
        });
        check("layer_norm backward", &[&shape, &shape, &[len]], 2.0, 1e-5, |level, x| {
            Ok(layer_norm::layer_norm_backward(level, &x[0], &x[1], &LayerNorm { weight: Some(&x[2]), ..norm })?.x)
        });
        check("layer_norm backward to the weight", &[&shape, &shape], 2.0, 1e-5, |level, x| {
            Ok(layer_norm::layer_norm_backward(level, &x[0], &x[1], &norm)?.weight)
        });
    }
}
