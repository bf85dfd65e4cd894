//! Every operation's gradient against finite differences in `f64`.

use autograd::{Error, Parameter, Result, Var, gradcheck};
use tensor::{
    DType, Layout, Tensor,
    ops::{AvgPool2dOptions, Conv2dOptions, CrossEntropyOptions, MaxPool2dOptions, Reduction},
    random::{Generator, manual_seed},
};

/// Numbers in ±[0.1, 1.1), so that kinks at zero are far enough for finite differences; all different.
fn input(seed: u64, shape: &[usize]) -> Tensor {
    let mut generator = Generator::new(seed);
    let mut draw = |_| (generator.uniform() + 0.1) * if generator.uniform() < 0.5 { -1.0 } else { 1.0 };
    let values: Vec<f64> = (0..shape.iter().product()).map(&mut draw).collect();
    Tensor::from_vec(values, shape).unwrap()
}

fn positive(seed: u64, shape: &[usize]) -> Tensor {
    input(seed, shape).abs().unwrap()
}

fn channels_last(seed: u64, shape: &[usize]) -> Tensor {
    input(seed, shape).to_layout(Layout::ChannelsLast).unwrap()
}

#[track_caller]
fn check(f: impl Fn(&[Var]) -> Result<Var>, inputs: &[Tensor]) {
    let error = gradcheck(f, inputs).unwrap();
    assert!(error < 1e-7, "deviation {error}");
}

#[test]
fn gradcheck_finds_a_wrong_gradient() {
    let wrong = |x: &[Var]| {
        let y = x[0].value().mul(x[0].value())?;
        let x0 = x[0].value().clone();
        Ok(Var::from_op(autograd::Op::Custom("wrong"), y, &[&x[0]], move |grad, _| Ok(vec![Some(grad.mul(&x0)?)])))
    };
    assert!(gradcheck(wrong, &[input(1, &[3])]).unwrap() > 0.1);
}

#[test]
fn unary() {
    type Op = fn(&Var) -> Result<Var>;
    let everywhere: [Op; 13] = [
        Var::neg,
        Var::abs,
        Var::exp,
        Var::tanh,
        Var::sigmoid,
        Var::relu,
        Var::relu6,
        Var::gelu,
        Var::hardswish,
        Var::hardsigmoid,
        Var::silu,
        |x| x.affine(-2.5, 0.5),
        |x| x.clamp(-0.55, 0.45),
    ];
    for op in everywhere {
        check(|x| op(&x[0]), &[input(2, &[2, 3, 2, 2])]);
        check(|x| op(&x[0].mul_scalar(4.1)?), &[channels_last(3, &[2, 3, 2, 2])]);
    }
    let above_zero: [Op; 4] = [Var::ln, Var::sqrt, |x| x.pow(2.5), |x| x.pow(-1.0)];
    for op in above_zero {
        check(|x| op(&x[0]), &[positive(4, &[3, 4])]);
    }
    check(|x| x[0].add_scalar(3.0)?.pow(2.0), &[input(5, &[4])]);
}

#[test]
fn binary_of_equal_shapes_and_broadcast() {
    type Op = fn(&Var, &Var) -> Result<Var>;
    let ops: [Op; 6] = [Var::add, Var::sub, Var::mul, Var::div, Var::maximum, Var::minimum];
    let shapes: [(&[usize], &[usize]); 6] =
        [(&[2, 3], &[2, 3]), (&[2, 3], &[3]), (&[2, 1, 3], &[4, 1]), (&[], &[2, 2]), (&[2, 3, 2, 2], &[1, 3, 1, 1]), (&[1], &[1])];
    for op in ops {
        for (a, b) in shapes {
            check(|x| op(&x[0], &x[1]), &[input(6, a), input(7, b)]);
        }
        check(|x| op(&x[0], &x[1]), &[channels_last(8, &[2, 3, 2, 2]), input(9, &[2, 3, 2, 2])]);
    }
}

#[test]
fn an_operand_used_twice_gets_both_gradients() {
    check(|x| &x[0] + &x[0], &[input(10, &[3])]);
    check(|x| &x[0] * &x[0], &[input(11, &[3])]);
    check(|x| (&x[0] - x[0].mul_scalar(3.0)?)? / x[0].exp()?, &[input(12, &[3])]);
}

#[test]
fn a_convolution_adds_to_the_gradient_that_its_input_has_so_far() {
    let options = Conv2dOptions { padding: (1, 1), ..Default::default() };
    let (x, w) = (channels_last(3, &[2, 16, 5, 5]), input(4, &[16, 16, 3, 3]));
    check(|v| v[0].conv2d(&v[1], None, &options)?.add(&v[0])?.sum(&[], false), &[channels_last(3, &[1, 2, 3, 3]), input(4, &[2, 2, 3, 3])]);
    // Twice, beside a gradient that shares its memory with that of the result, and beside none.
    let [x, w, dy] = [x, w, channels_last(5, &[2, 16, 5, 5])].map(|t| t.to_dtype(DType::F32).unwrap());
    let parameter = Parameter::new(x);
    let (v, w_v) = (parameter.var(), Var::from(&w));
    let y = v.conv2d(&w_v, None, &options).unwrap().conv2d(&w_v, None, &options).unwrap().add(&v).unwrap();
    let y = y.add(&v.conv2d(&w_v, None, &options).unwrap()).unwrap();
    y.backward_from(dy.clone(), |_| Ok(())).unwrap();
    let back = |dy: &Tensor| dy.conv2d_grad_input(&w, dy.dims(), &options).unwrap();
    let expected = dy.add(&back(&dy)).unwrap().add(&back(&back(&dy))).unwrap();
    let (found, expected) = (parameter.grad().unwrap().to_f64_vec().unwrap(), expected.to_f64_vec().unwrap());
    let largest = expected.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5 * largest), "{found:?} {expected:?}");
}

#[test]
fn equal_operands_share_the_gradient_of_an_extreme() {
    let [a, b] = [1.0, 1.0].map(|v| Parameter::new(Tensor::scalar(v)));
    a.var().maximum(&b.var()).unwrap().backward().unwrap();
    assert_eq!([a, b].map(|p| p.grad().unwrap().item().unwrap()), [0.5, 0.5]);
}

#[test]
fn only_the_gradients_that_are_needed_are_computed() {
    let weight = Parameter::new(input(13, &[3]));
    let constant = Var::from(input(14, &[3]));
    for y in [weight.var() * &constant, &constant * weight.var(), weight.var() / &constant, &constant - weight.var()] {
        y.unwrap().sum_all().unwrap().backward().unwrap();
    }
    let expected: Vec<f64> = constant.value().to_f64_vec().unwrap().iter().map(|c| 2.0 * c + 1.0 / c - 1.0).collect();
    let found = weight.grad().unwrap().to_f64_vec().unwrap();
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {expected:?}");
}

#[test]
fn reductions() {
    let dims: [&[isize]; 5] = [&[], &[0], &[-1], &[1, 3], &[0, -2, 3]];
    for dims in dims {
        for keepdim in [false, true] {
            for x in [input(15, &[2, 3, 2, 2]), channels_last(16, &[2, 3, 2, 2])] {
                check(|x| x[0].sum(dims, keepdim), std::slice::from_ref(&x));
                check(|x| x[0].mean(dims, keepdim), &[x]);
            }
        }
    }
    check(|x| x[0].mean_all(), &[input(17, &[])]);
    assert_eq!(Var::from(input(17, &[2, 3, 2])).sum(&[1, -1], false).unwrap().dims(), [2]);
}

#[test]
fn no_gradient_flows_at_the_bounds_of_relu6() {
    // torch.nn.functional.relu6 at -1, 0, 3, 6 and 7.
    let x = Parameter::new(Tensor::from_vec(vec![-1.0, 0.0, 3.0, 6.0, 7.0], [5]).unwrap());
    x.var().relu6().unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f64>().unwrap(), [0.0, 0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn layer_norm() {
    for (shape, normalized) in [(&[3, 5][..], &[5][..]), (&[2, 3, 2, 4], &[4]), (&[2, 3, 4], &[3, 4]), (&[40, 7], &[7]), (&[2, 1], &[1])] {
        let (x, weight, bias) = (input(38, shape), input(39, normalized), input(40, normalized));
        check(|x| x[0].layer_norm(normalized, Some(&x[1]), Some(&x[2]), 1e-3), &[x.clone(), weight, bias]);
        check(|x| x[0].layer_norm(normalized, None, None, 1e-3), &[x]);
    }
    // Channels-last, as ConvNeXt has it.
    let over_channels = |x: &[Var]| x[0].permute(&[0, 2, 3, 1])?.layer_norm([5], Some(&x[1]), None, 1e-3)?.permute(&[0, 3, 1, 2]);
    check(over_channels, &[channels_last(41, &[2, 5, 2, 3]), input(42, &[5])]);
}

#[test]
fn channel_shuffle() {
    for groups in [1, 2, 3, 6] {
        check(|x| x[0].channel_shuffle(groups), &[channels_last(43, &[2, 6, 2, 3])]);
    }
}

#[test]
fn matmul() {
    check(|x| x[0].matmul(&x[1]), &[input(18, &[3, 4]), input(19, &[4, 2])]);
    check(|x| x[0].matmul(&x[1]), &[input(20, &[2, 3, 4]), input(21, &[2, 4, 2])]);
}

#[test]
fn views() {
    for x in [input(22, &[2, 3, 4, 2]), channels_last(23, &[2, 3, 4, 2])] {
        let x = std::slice::from_ref(&x);
        check(|x| x[0].reshape([6, 8]), x);
        check(|x| x[0].flatten(1, -1), x);
        check(|x| x[0].unsqueeze(2), x);
        check(|x| x[0].permute(&[3, 0, 1, -2]), x);
        check(|x| x[0].transpose(1, -1), x);
        for (dim, start, len) in [(0, 1, 1), (1, 0, 2), (-2, 1, 2), (3, 0, 2)] {
            check(|x| x[0].narrow(dim, start, len), x);
        }
    }
    check(|x| x[0].squeeze(1), &[input(24, &[2, 1, 3])]);
    check(|x| x[0].broadcast_to([4, 2, 3]), &[input(25, &[2, 1])]);
}

#[test]
fn joining_and_cutting() {
    check(|x| Var::cat(&[&x[0], &x[1], &x[0]], 1), &[channels_last(26, &[2, 3, 2, 2]), channels_last(27, &[2, 1, 2, 2])]);
    check(|x| Var::cat(&[&x[0], &x[1]], -1), &[input(28, &[2, 3]), input(29, &[2, 2])]);
    let second_of_three = |x: &[Var]| {
        let pieces = x[0].chunk(3, 1)?;
        assert_eq!(pieces.iter().map(|p| p.dims()[1]).collect::<Vec<_>>(), [2, 2, 1]);
        pieces[1].mul(&pieces[0])
    };
    check(second_of_three, &[input(30, &[2, 5])]);
}

#[test]
fn pooling() {
    let x = [channels_last(31, &[2, 3, 7, 6])];
    let max = MaxPool2dOptions { kernel_size: [3, 2], stride: [2, 1], padding: [1, 1], dilation: [1, 2], ceil_mode: true };
    check(|x| x[0].max_pool2d(&max), &x);
    for (ceil_mode, count_include_pad) in [(false, true), (true, false)] {
        let avg = AvgPool2dOptions { kernel_size: [3, 2], stride: [2, 2], padding: [1, 0], ceil_mode, count_include_pad };
        check(|x| x[0].avg_pool2d(&avg), &x);
    }
    for size in [[Some(1), Some(1)], [Some(3), None], [Some(9), Some(4)]] {
        check(|x| x[0].adaptive_avg_pool2d(size), &x);
    }
}

#[test]
fn softmax() {
    for dim in [0, 1, -1] {
        check(|x| x[0].softmax(dim), &[input(32, &[3, 4, 2])]);
        check(|x| x[0].log_softmax(dim), &[input(33, &[3, 4, 2])]);
    }
}

#[test]
fn cross_entropy() {
    let targets = Tensor::from_vec(vec![2i64, 0, 3], [3]).unwrap();
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
        for label_smoothing in [0.0, 0.1] {
            let options = CrossEntropyOptions { label_smoothing, reduction };
            check(|x| x[0].cross_entropy(&targets, &options), &[input(34, &[3, 4])]);
        }
    }
}

#[test]
fn dropout() {
    for p in [0.0, 0.4, 1.0] {
        let dropped = |x: &[Var]| {
            manual_seed(5);
            x[0].dropout(p)
        };
        check(dropped, &[channels_last(35, &[2, 3, 2, 2])]);
    }
}

#[test]
fn errors_name_the_operation_and_the_shapes() {
    let (a, b) = (Var::from(input(36, &[2, 3])), Var::from(input(37, &[2, 4])));
    let error: Error = (&a + &b).unwrap_err();
    assert!(error.to_string().starts_with("add: shapes [2, 3] and [2, 4]"), "{error}");
    assert!(a.narrow(1, 2, 2).is_err() && a.permute(&[0]).is_err() && Var::cat(&[], 0).is_err() && a.sum(&[2], false).is_err());
}

#[test]
fn the_gradient_at_a_value_between_is_taken_alone() {
    let w = Parameter::new(Tensor::from_vec(vec![2.0, 3.0], [2]).unwrap());
    let x = w.var();
    let between = x.mul(&x).unwrap();
    // Two paths lead from it to the result, and another value joins: d(b · b + b + w)/db = 2 b + 1.
    let result = between.mul(&between).unwrap().add(&between).unwrap().add(&w.var()).unwrap();
    let grad = result.grad_of(&between, Tensor::from_vec(vec![1.0, 10.0], [2]).unwrap()).unwrap();
    assert_eq!(grad.to_vec::<f64>().unwrap(), [9.0, 190.0]);
    assert!(w.grad().is_none(), "parameters are left alone");

    let elsewhere = w.var().relu().unwrap();
    let one = || Tensor::ones([2], tensor::DType::F64).unwrap();
    assert!(x.relu().unwrap().grad_of(&elsewhere, one()).unwrap_err().to_string().contains("does not lead"));
    assert!(x.relu().unwrap().grad_of(&Var::from(one()), one()).is_err());
}

#[test]
fn dominators_are_what_every_path_goes_through() {
    let (scale, input) = (Parameter::new(input(38, &[1])), input(39, &[1, 2, 3, 3]));
    let squeezed = |x: &Var| {
        let gate = x.mean(&[2, 3], true)?.sigmoid()?; // beside x, which the product uses, too
        x.mul(&gate)
    };
    let network = |x: &Var| {
        let first = x.mul(&scale.var())?; // through it
        let second = squeezed(&first)?; // and through it
        let sum = second.relu()?.add(&second.sigmoid()?)?; // two branches, then through it
        sum.mean(&[2, 3], false) // and through it
    };
    let (result, through) = autograd::dominators(input.clone(), network).unwrap();
    let dims: Vec<&[usize]> = through.iter().map(Var::dims).collect();
    let map = [1, 2, 3, 3].as_slice();
    assert_eq!(dims, [map, map, map, &[1, 2]]);
    assert_eq!(through[3].value().to_vec::<f64>().unwrap(), result.value().to_vec::<f64>().unwrap());
    // With the parameter frozen the same holds, and values computed from parameters alone are not in the way.
    scale.set_requires_grad(false);
    assert_eq!(autograd::dominators(input, network).unwrap().1.len(), 4);
}
