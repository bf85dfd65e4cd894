//! Every backward kernel of the general operations against finite differences in f64.

mod common;

use common::{assert_close, assert_gradient, signed64};
use tensor::{
    Layout, Tensor,
    ops::{AvgPool2dOptions, CrossEntropyOptions, MaxPool2dOptions, Reduction, Saved, Unary},
    random::Generator,
};

#[test]
fn every_unary_function() {
    let affine = Unary::Affine { mul: -2.5, add: 0.75 };
    let clamp = Unary::Clamp { min: -1.0, max: 2.0 };
    let anywhere = [
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
        clamp,
        affine,
        Unary::Pow(2.0),
        Unary::Pow(3.0),
        Unary::Pow(0.0),
        Unary::Pow(1.0),
    ];
    let x = signed64("x", &[211]).mul_scalar(8.0).unwrap();
    let positive = x.abs().unwrap().add_scalar(0.1).unwrap();
    let cases = anywhere
        .map(|op| (op, &x))
        .into_iter()
        .chain([Unary::Ln, Unary::Sqrt, Unary::Pow(0.5), Unary::Pow(-1.5)].map(|op| (op, &positive)));
    for (op, x) in cases {
        let out = x.unary(op).unwrap();
        let probe = signed64("probe", x.dims());
        let saved = if op.saved() == Saved::Output { &out } else { x };
        let grad = probe.unary_backward(op, saved).unwrap();
        assert_gradient(&format!("{op:?}"), x, &probe, &grad, |x| x.unary(op).unwrap());
    }
}

#[test]
fn gradients_at_kinks_are_those_of_pytorch() {
    let grad_at = |op: Unary, x: f64| Tensor::scalar(1.0f64).unary_backward(op, &Tensor::scalar(x)).unwrap().item().unwrap();
    let clamp = Unary::Clamp { min: -1.0, max: 2.0 };
    for (op, x, expected) in [
        (Unary::Abs, 0.0, 0.0),
        (Unary::Relu, 0.0, 0.0),
        (Unary::Hardsigmoid, -3.0, 0.0),
        (Unary::Hardsigmoid, 3.0, 0.0),
        (Unary::Hardswish, -3.0, 0.0),
        (Unary::Hardswish, 3.0, 1.0),
        (Unary::Pow(0.0), 0.0, 0.0),
        (clamp, -1.0, 0.0),
        (clamp, 2.0, 0.0),
    ] {
        assert_eq!(grad_at(op, x), expected, "{op:?} at {x}");
    }
}

#[test]
fn softmax_along_every_dimension_and_in_both_memory_orders() {
    for layout in [Layout::Contiguous, Layout::ChannelsLast] {
        let x = signed64("x", &[2, 5, 3, 2]).mul_scalar(4.0).unwrap().to_layout(layout).unwrap();
        let probe = signed64("probe", x.dims());
        for dim in 0..4 {
            let grad = probe.softmax_backward(&x.softmax(dim).unwrap(), dim).unwrap();
            assert_gradient("softmax", &x, &probe, &grad, |x| x.softmax(dim).unwrap());
            let grad = probe.log_softmax_backward(&x.log_softmax(dim).unwrap(), dim).unwrap();
            assert_gradient("log_softmax", &x, &probe, &grad, |x| x.log_softmax(dim).unwrap());
        }
    }
}

#[test]
fn cross_entropy_with_every_reduction() {
    let x = signed64("x", &[5, 21]).mul_scalar(3.0).unwrap();
    let targets = Tensor::from_vec(vec![0i64, 20, 7, 7, 13], [5]).unwrap();
    for (reduction, shape) in [(Reduction::Mean, &[][..]), (Reduction::Sum, &[]), (Reduction::None, &[5])] {
        for label_smoothing in [0.0, 0.3] {
            let options = CrossEntropyOptions { label_smoothing, reduction };
            let probe = signed64("probe", shape);
            let (_, probabilities) = x.cross_entropy(&targets, &options).unwrap();
            let grad = probabilities.cross_entropy_backward(&probe, &targets, &options).unwrap();
            assert_gradient(&format!("{options:?}"), &x, &probe, &grad, |x| x.cross_entropy(&targets, &options).unwrap().0);
        }
    }
}

#[test]
fn max_pooling() {
    let options = MaxPool2dOptions { kernel_size: [3, 2], stride: [2, 1], padding: [1, 1], dilation: [1, 2], ceil_mode: true };
    let large = MaxPool2dOptions { kernel_size: [17, 16], stride: [1, 2], padding: [8, 3], dilation: [1, 1], ceil_mode: false };
    for (options, shape) in [(options, [2, 3, 6, 7]), (large, [1, 2, 12, 14])] {
        let x = signed64("x", &shape);
        let (out, places) = x.max_pool2d(&options).unwrap();
        let probe = signed64("probe", out.dims());
        let grad = probe.max_pool2d_backward(&places, x.shape(), &options).unwrap();
        assert_gradient(&format!("{options:?}"), &x, &probe, &grad, |x| x.max_pool2d(&options).unwrap().0);
    }
}

#[test]
fn average_pooling() {
    let x = signed64("x", &[2, 3, 7, 6]);
    for (ceil_mode, count_include_pad) in [(false, false), (false, true), (true, false), (true, true)] {
        let options = AvgPool2dOptions { kernel_size: [3, 2], stride: [2, 3], padding: [1, 1], ceil_mode, count_include_pad };
        let probe = signed64("probe", x.avg_pool2d(&options).unwrap().dims());
        let grad = probe.avg_pool2d_backward(x.shape(), &options).unwrap();
        assert_gradient(&format!("{options:?}"), &x, &probe, &grad, |x| x.avg_pool2d(&options).unwrap());
    }
    for size in [[Some(1), Some(1)], [Some(3), None], [Some(9), Some(4)]] {
        let probe = signed64("probe", x.adaptive_avg_pool2d(size).unwrap().dims());
        let grad = probe.adaptive_avg_pool2d_backward(x.shape(), size).unwrap();
        assert_gradient(&format!("{size:?}"), &x, &probe, &grad, |x| x.adaptive_avg_pool2d(size).unwrap());
    }
}

#[test]
fn matrix_products() {
    let (a, b) = (signed64("a", &[2, 3, 5]), signed64("b", &[2, 5, 4]));
    let probe = signed64("probe", &[2, 3, 4]);
    let grad_a = probe.matmul_transposed(&b, false, true).unwrap();
    assert_gradient("first operand", &a, &probe, &grad_a, |a| a.matmul(&b).unwrap());
    let grad_b = a.matmul_transposed(&probe, true, false).unwrap();
    assert_gradient("second operand", &b, &probe, &grad_b, |b| a.matmul(b).unwrap());
}

#[test]
fn broadcasting_is_undone_by_sum_to() {
    let b = signed64("b", &[3, 1, 2]);
    let x = signed64("x", &[4, 3, 5, 2]);
    let probe = signed64("probe", x.dims());
    let grad = probe.sum_to(b.shape()).unwrap();
    assert_gradient("add", &b, &probe, &grad, |b| x.add(b).unwrap());
}

#[test]
fn dropout_multiplies_the_gradient_as_it_did_the_input() {
    let x = signed64("x", &[2, 3, 8, 8]).channels_last().unwrap();
    let (out, mask) = x.dropout(0.3, &mut Generator::new(5)).unwrap();
    assert_close("dropout", &x.dropout_backward(&mask, 0.3).unwrap(), &out, 0.0);
}
