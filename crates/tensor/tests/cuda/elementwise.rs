//! Functions of elements, conversions, views, optimiser steps and dropout.

use std::slice::from_ref;

use tensor::{
    DType, Layout, Tensor,
    ops::{
        Binary, Compare, Saved, Unary,
        optim::{AdamStep, RmspropStep, SgdStep, adam_step, rmsprop_step, sgd_step},
    },
    random::Generator,
};

use super::{Random, check, in_floats};

#[test]
fn unary_functions_and_their_gradients() {
    let ops = [
        Unary::Neg,
        Unary::Abs,
        Unary::Exp,
        Unary::Ln,
        Unary::Sqrt,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Relu,
        Unary::Gelu,
        Unary::Hardswish,
        Unary::Hardsigmoid,
        Unary::Silu,
        Unary::Clamp { min: -0.5, max: 0.75 },
        Unary::Affine { mul: -2.5, add: 0.75 },
        Unary::Pow(2.0),
        Unary::Pow(3.0),
        Unary::Pow(-1.5),
        Unary::Pow(0.0),
    ];
    let mut random = Random::new(2);
    for op in ops {
        for layout in [Layout::Contiguous, Layout::ChannelsLast, Layout::Blocked] {
            let dims = [3, 35, 4, 5];
            let needs_positive = matches!(op, Unary::Ln | Unary::Sqrt | Unary::Pow(-1.5));
            let x = if needs_positive { random.positive(&dims) } else { random.tensor(&dims).mul_scalar(4.0).unwrap() };
            let inputs = [x.to_layout(layout).unwrap(), random.laid_out(&dims, layout)];
            for (dtype, tolerance, inputs) in in_floats(&inputs) {
                check(&format!("{op:?} {layout:?} {dtype}"), tolerance, &inputs, |t| {
                    let y = t[0].unary(op)?;
                    let dx = t[1].unary_backward(op, if op.saved() == Saved::Output { &y } else { &t[0] })?;
                    Ok(vec![y, dx])
                });
            }
        }
    }
    let special = Tensor::from_vec(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 100.0, -100.0], [7]).unwrap();
    for op in [Unary::Relu, Unary::Exp, Unary::Tanh, Unary::Sigmoid, Unary::Gelu, Unary::Clamp { min: 0.0, max: 6.0 }, Unary::Abs] {
        check(&format!("{op:?} of special values"), 1e-6, from_ref(&special), |t| Ok(vec![t[0].unary(op)?]));
    }
}

#[test]
fn binary_functions_broadcast() {
    let mut random = Random::new(3);
    let ops = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Maximum, Binary::Minimum];
    let shapes: [(&[usize], &[usize]); 8] = [
        (&[3, 7, 4, 5], &[3, 7, 4, 5]),
        (&[3, 7, 4, 5], &[3, 7, 1, 1]),
        (&[3, 7, 4, 5], &[1, 7, 1, 1]),
        (&[1, 7, 4, 1], &[3, 1, 1, 5]),
        (&[2, 3], &[3]),
        (&[], &[4, 2]),
        (&[5, 1, 2, 1, 3], &[1, 4, 2, 6, 3]),
        (&[0, 3], &[1, 3]),
    ];
    for (a, b) in shapes {
        for layout in [Layout::Contiguous, Layout::ChannelsLast] {
            let lay = |t: Tensor| if t.dims().len() == 4 { t.to_layout(layout).unwrap() } else { t };
            let inputs = [lay(random.tensor(a)), lay(random.tensor(b))];
            for op in ops {
                for (dtype, tolerance, inputs) in in_floats(&inputs) {
                    check(&format!("{op:?} {a:?} {b:?} {dtype}"), tolerance, &inputs, |t| Ok(vec![t[0].binary(op, &t[1])?]));
                }
            }
            for op in [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge] {
                let coarse = inputs.clone().map(|t| t.to_dtype(DType::I64).unwrap());
                check(&format!("{op:?} {a:?} {b:?}"), 0.0, &inputs, |t| Ok(vec![t[0].compare(op, &t[1])?]));
                check(&format!("{op:?} {a:?} {b:?} i64"), 0.0, &coarse, |t| Ok(vec![t[0].compare(op, &t[1])?]));
            }
            let condition = inputs[0].gt(&inputs[0].zeros_like().unwrap()).unwrap();
            for dtype in [DType::F32, DType::F64, DType::Bf16, DType::I64, DType::U8] {
                let values = [&inputs[0], &inputs[1]].map(|t| t.to_dtype(dtype).unwrap());
                check(&format!("where {a:?} {b:?} {dtype}"), 0.0, &[from_ref(&condition), &values[..]].concat(), |t| {
                    Ok(vec![t[0].where_cond(&t[1], &t[2])?])
                });
            }
        }
    }
    let blocked = [random.laid_out(&[40, 5, 3, 3], Layout::Blocked), random.laid_out(&[40, 5, 3, 3], Layout::Blocked)];
    check("in place", 3e-6, &blocked, |t| {
        let (mut sum, mut average) = (t[0].clone(), t[0].clone());
        sum.add_(&t[1])?;
        average.blend_(&t[1], 0.9, 0.3)?;
        Ok(vec![sum, average, t[0].add(&t[1])?, t[0].div(&t[1])?])
    });
}

#[test]
fn conversions_between_types_and_layouts() {
    let mut random = Random::new(4);
    let types = [DType::F32, DType::F64, DType::Bf16, DType::I64, DType::U8];
    let tie = 1.0 + 1.0 / 256.0;
    let special = vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 300.7, -3.7, 0.0, tie, tie + 1e-12, tie - 1e-12, 1e-310];
    for from in types {
        let values = [
            Tensor::from_vec(special.clone(), [12]).unwrap(),
            random.tensor(&[300]).mul_scalar(100.0).unwrap().to_dtype(DType::F64).unwrap(),
        ];
        for x in values.map(|t| t.to_dtype(from).unwrap()) {
            for to in types {
                check(&format!("{from} to {to}"), 0.0, from_ref(&x), |t| Ok(vec![t[0].to_dtype(to)?]));
            }
        }
    }
    let layouts = [Layout::Contiguous, Layout::ChannelsLast, Layout::Blocked];
    for dims in [[3, 5, 2, 7], [33, 4, 3, 3], [64, 1, 1, 1], [70, 2, 1, 5]] {
        for from in layouts {
            for to in layouts {
                for dtype in [DType::F32, DType::F64, DType::U8] {
                    let x = random.tensor(&dims).abs().unwrap().mul_scalar(50.0).unwrap().to_dtype(dtype).unwrap().to_layout(from).unwrap();
                    check(&format!("{dims:?} {dtype} {from:?} to {to:?}"), 0.0, &[x], |t| Ok(vec![t[0].to_layout(to)?]));
                }
            }
        }
    }
    let matrix = random.tensor(&[45, 7]);
    check("a blocked matrix", 0.0, &[matrix], |t| {
        let blocked = t[0].to_layout(Layout::Blocked)?;
        Ok(vec![blocked.contiguous()?, blocked])
    });
}

#[test]
fn views_and_joins() {
    let mut random = Random::new(5);
    for layout in [Layout::Contiguous, Layout::ChannelsLast] {
        let x = random.laid_out(&[4, 6, 5, 7], layout);
        for dtype in [DType::F32, DType::F64, DType::U8, DType::Bf16] {
            let x = x.abs().unwrap().to_dtype(dtype).unwrap();
            check(&format!("views {layout:?} {dtype}"), 0.0, &[x], |t| {
                let x = &t[0];
                Ok(vec![
                    x.narrow(0, 1, 2)?,
                    x.narrow(1, 2, 3)?,
                    x.narrow(2, 1, 3)?,
                    x.slice(3, 1, 7, 2)?,
                    x.slice(1, 0, 6, 4)?,
                    x.permute(&[3, 1, 0, 2])?,
                    x.permute(&[0, 2, 3, 1])?,
                    x.transpose(0, 1)?,
                    x.flatten(1, -1)?,
                    x.reshape([8, 105])?,
                    x.unsqueeze(0)?,
                    x.narrow(0, 3, 1)?.squeeze(0)?,
                    x.narrow(0, 0, 1)?.broadcast_to([3, 6, 5, 7])?,
                    Tensor::cat(&[x, &x.narrow(1, 0, 2)?, x], 1)?,
                    Tensor::cat(&[x, &x.narrow(0, 1, 3)?], 0)?,
                    Tensor::cat(&[x, &x.narrow(3, 0, 2)?], 3)?,
                    Tensor::stack(&[x, x], 1)?,
                    x.channel_shuffle(3)?,
                ])
            });
        }
        let (x, indices) = (random.laid_out(&[4, 6, 5, 7], layout), Tensor::from_vec(vec![3i64, 0, 3, 1, 2], [5]).unwrap());
        for dim in 0..4 {
            check(&format!("index_select {layout:?} {dim}"), 0.0, &[x.clone(), indices.clone()], |t| {
                Ok(vec![t[0].index_select(dim, &t[1])?])
            });
        }
    }
}

#[test]
fn optimizer_steps() {
    let mut random = Random::new(10);
    for (dims, layout) in [(vec![40, 5, 3, 3], Layout::Blocked), (vec![1000], Layout::Contiguous)] {
        let inputs: Vec<Tensor> = (0..3).map(|_| random.laid_out(&dims, layout)).collect();
        for (dtype, tolerance, inputs) in in_floats(&inputs) {
            for (momentum, nesterov, weight_decay) in [(0.0, false, 0.0), (0.9, false, 1e-2), (0.9, true, 0.0)] {
                check(&format!("SGD {momentum} {nesterov} {weight_decay} {dtype}"), tolerance, &inputs, |t| {
                    let (mut p, mut buffer) = (t[0].clone(), t[0].zeros_like()?);
                    for (first, grad) in [(true, &t[1]), (false, &t[2])] {
                        let step = SgdStep { lr: 0.1, momentum, dampening: 0.1, weight_decay, nesterov, first };
                        sgd_step(&mut p, grad, (momentum > 0.0).then_some(&mut buffer), &step)?;
                    }
                    Ok(vec![p, buffer])
                });
                check(&format!("RMSprop {momentum} {dtype}"), tolerance, &inputs, |t| {
                    let (mut p, mut square, mut buffer) = (t[0].clone(), t[0].zeros_like()?, t[0].zeros_like()?);
                    for grad in &t[1..] {
                        let step = RmspropStep { lr: 0.01, alpha: 0.9, eps: 1e-8, weight_decay, momentum };
                        rmsprop_step(&mut p, grad, &mut square, (momentum > 0.0).then_some(&mut buffer), &step)?;
                    }
                    Ok(vec![p, square, buffer])
                });
            }
            for decoupled in [true, false] {
                check(&format!("Adam {decoupled} {dtype}"), tolerance, &inputs, |t| {
                    let (mut p, mut mean, mut square) = (t[0].clone(), t[0].zeros_like()?, t[0].zeros_like()?);
                    for (step, grad) in (1..).zip(&t[1..]) {
                        let step = AdamStep { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.1, decoupled, step };
                        adam_step(&mut p, grad, &mut mean, &mut square, &step)?;
                    }
                    Ok(vec![p, mean, square])
                });
            }
        }
    }
}

#[test]
fn dropout_drops_the_same_as_on_the_cpu() {
    let x = Random::new(11).last(&[3, 8, 5, 5]);
    check("dropout", 1e-6, &[x], |t| {
        let (y, mask) = t[0].dropout(0.4, &mut Generator::new(3))?;
        Ok(vec![y.dropout_backward(&mask, 0.4)?, y, mask])
    });
}
