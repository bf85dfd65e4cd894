//! Reductions, what is made of them, and pooling.

use tensor::{
    DType, Layout, Tensor,
    ops::{AvgPool2dOptions, CrossEntropyOptions, LayerNorm, MaxPool2dOptions, Norm, NormBackward, Reduce, Reduction},
};

use super::{Random, check, in_floats};

#[test]
fn reductions() {
    let mut random = Random::new(6);
    let shapes: [&[usize]; 5] = [&[3, 5, 7, 4], &[2, 70, 33, 40], &[20_000], &[7, 1000], &[3, 1, 2, 5, 4]];
    for dims in shapes {
        let subsets = 1usize << dims.len();
        for layout in [Layout::Contiguous, Layout::ChannelsLast] {
            if dims.len() != 4 && layout == Layout::ChannelsLast {
                continue;
            }
            let x = random.laid_out(dims, layout).add_scalar(0.1).unwrap();
            for (dtype, tolerance, inputs) in in_floats(&[x]) {
                for subset in 0..subsets {
                    let over: Vec<isize> = (0..dims.len()).filter(|d| subset >> d & 1 == 1).map(|d| d as isize).collect();
                    for op in [Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::Min] {
                        check(&format!("{op:?} of {dims:?} over {over:?} {layout:?} {dtype}"), tolerance, &inputs, |t| {
                            Ok(vec![t[0].reduce(op, &over, true)?, t[0].reduce(op, &over, false)?])
                        });
                    }
                }
                for dim in 0..dims.len() as isize {
                    check(&format!("places of {dims:?} along {dim} {dtype}"), 0.0, &inputs, |t| {
                        let coarse = t[0].to_dtype(DType::I64)?;
                        Ok(vec![t[0].argmax(dim, true)?, t[0].argmin(dim, false)?, coarse.argmax(dim, false)?])
                    });
                }
                check(&format!("variance of {dims:?}"), tolerance * 10.0, &inputs, |t| Ok(vec![t[0].var(&[], true, false)?]));
            }
        }
    }
    let odd = Tensor::from_vec(vec![1f32, f32::NAN, 3.0, f32::NAN, 5.0, 5.0], [2, 3]).unwrap();
    check("extremes of NaN", 0.0, &[odd], |t| {
        let (values, places) = t[0].top_k(3)?;
        Ok(vec![t[0].amax(&[1], false)?, t[0].amin(&[1], false)?, t[0].argmax(1, false)?, t[0].argmin(1, false)?, values, places])
    });
    for (rows, len, k) in [(3, 10, 5), (2, 1000, 5), (4, 700, 700), (1, 1, 1), (5, 3, 0)] {
        let coarse = random.tensor(&[rows, len]).mul_scalar(8.0).unwrap().to_dtype(DType::I64).unwrap().to_dtype(DType::F32).unwrap();
        check(&format!("top {k} of {len}"), 0.0, &[coarse], |t| t[0].top_k(k).map(|(values, places)| vec![values, places]));
    }
    check("nothing", 0.0, &[Tensor::zeros([0, 3], DType::F32).unwrap()], |t| {
        Ok(vec![t[0].sum(&[0], false)?, t[0].sum(&[1], false)?, t[0].mean_all()?])
    });
}

#[test]
fn softmax_cross_entropy_and_layer_norm() {
    let mut random = Random::new(7);
    for dims in [vec![5, 10], vec![3, 1000], vec![2, 6, 5, 3], vec![300]] {
        for dim in 0..dims.len() as isize {
            let inputs = [random.tensor(&dims).mul_scalar(5.0).unwrap(), random.tensor(&dims)];
            for (dtype, tolerance, inputs) in in_floats(&inputs) {
                check(&format!("softmax {dims:?} {dim} {dtype}"), tolerance, &inputs, |t| {
                    let (plain, log) = (t[0].softmax(dim)?, t[0].log_softmax(dim)?);
                    Ok(vec![t[1].softmax_backward(&plain, dim)?, t[1].log_softmax_backward(&log, dim)?, plain, log])
                });
            }
        }
    }
    for (rows, classes) in [(1, 2), (7, 10), (5, 1000)] {
        let targets: Vec<i64> = (0..rows).map(|_| random.below(classes) as i64).collect();
        let targets = Tensor::from_vec(targets, [rows]).unwrap();
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            for label_smoothing in [0.0, 0.1] {
                let options = CrossEntropyOptions { label_smoothing, reduction };
                let grad = if reduction == Reduction::None { random.tensor(&[rows]) } else { random.tensor(&[]) };
                let inputs = [random.tensor(&[rows, classes]).mul_scalar(3.0).unwrap(), targets.clone(), grad];
                for (dtype, tolerance, inputs) in in_floats(&inputs) {
                    check(&format!("cross entropy {rows} {classes} {options:?} {dtype}"), tolerance, &inputs, |t| {
                        let (loss, p) = t[0].cross_entropy(&t[1], &options)?;
                        Ok(vec![p.cross_entropy_backward(&t[2], &t[1], &options)?, loss, p])
                    });
                }
            }
        }
    }
    for (dims, normal) in [(vec![6, 9], vec![9]), (vec![2, 3, 4, 96], vec![96]), (vec![5, 4, 50], vec![4, 50]), (vec![1000, 7], vec![7])] {
        let inputs = [random.tensor(&dims), random.tensor(&dims), random.tensor(&normal), random.tensor(&normal)];
        for (dtype, tolerance, inputs) in in_floats(&inputs) {
            for affine in [true, false] {
                check(&format!("layer norm {dims:?} {normal:?} {affine} {dtype}"), tolerance * 2.0, &inputs, |t| {
                    let shape = normal.clone().into();
                    let (weight, bias) = if affine { (Some(&t[2]), Some(&t[3])) } else { (None, None) };
                    let norm = LayerNorm { normalized_shape: &shape, weight, bias, eps: 1e-5 };
                    let grads = t[1].layer_norm_backward(&t[0], &norm)?;
                    Ok(vec![t[0].layer_norm(&norm)?, grads.x, grads.weight, grads.bias])
                });
            }
        }
    }
}

#[test]
fn batch_norm() {
    let mut random = Random::new(8);
    for dims in [vec![4, 3, 5, 6], vec![2, 64, 1, 1], vec![16, 33, 1, 1], vec![8, 40, 9, 9], vec![20, 7], vec![3, 100, 20, 20]] {
        let c = dims[1];
        let lay = |t: Tensor| if t.dims().len() == 4 { t.channels_last().unwrap() } else { t };
        let far = random.tensor(&dims).add_scalar(20.0).unwrap();
        let inputs = [lay(far), lay(random.tensor(&dims)), lay(random.tensor(&dims)), random.tensor(&[c]), random.tensor(&[c])];
        for (dtype, tolerance, inputs) in in_floats(&inputs) {
            for (affine, relu, residual, batch_stats) in [
                (true, true, true, true),
                (true, false, false, true),
                (false, true, false, true),
                (true, true, false, false),
                (true, false, true, true),
            ] {
                // What is left of numbers around 20 when their mean is taken off has fewer digits.
                let name = format!("batch norm {dims:?} {affine} {relu} {residual} {batch_stats} {dtype}");
                check(&name, tolerance * 20.0, &inputs, |t| {
                    let stats = t[0].batch_stats()?;
                    let norm = Norm {
                        mean: &stats.mean,
                        var: &stats.var,
                        weight: affine.then_some(&t[3]),
                        bias: affine.then_some(&t[4]),
                        eps: 1e-5,
                    };
                    let y = t[0].batch_norm(&norm, residual.then_some(&t[1]), relu)?;
                    let (_, mask) = t[0].batch_norm_relu(&norm, residual.then_some(&t[1]))?;
                    let forward = NormBackward { norm, x: &t[0], relu: relu.then_some(&mask), batch_stats, residual };
                    let grads = t[2].batch_norm_backward(&forward)?;
                    let all = [Some(y.clone()), Some(grads.x), Some(grads.weight), Some(grads.bias), grads.residual];
                    Ok(all.into_iter().flatten().chain([stats.mean.clone(), stats.var.clone()]).collect())
                });
            }
        }
    }
}

#[test]
fn pooling() {
    let mut random = Random::new(9);
    for _ in 0..40 {
        let (n, c, h, w) = (random.between(1, 3), random.pick(&[1, 3, 8, 33]), random.between(5, 14), random.between(5, 14));
        let kernel_size = [random.between(1, 4), random.between(1, 4)];
        let stride = [random.between(1, 3), random.between(1, 3)];
        let padding = kernel_size.map(|k| random.below(k / 2 + 1));
        let (ceil_mode, count_include_pad) = (random.below(2) == 1, random.below(2) == 1);
        let max = MaxPool2dOptions { kernel_size, stride, padding, dilation: [1, 1 + random.below(2)], ceil_mode };
        let avg = AvgPool2dOptions { kernel_size, stride, padding, ceil_mode, count_include_pad };
        let adaptive = [Some(random.between(1, 7)), Some(random.between(1, 7))];
        let inputs = [random.last(&[n, c, h, w]), random.last(&[n, c, 40, 40])];
        for (dtype, tolerance, inputs) in in_floats(&inputs) {
            check(&format!("{max:?} {avg:?} {dtype}"), tolerance, &inputs, |t| {
                let grad = |y: &Tensor| t[1].narrow(2, 0, y.dims()[2])?.narrow(3, 0, y.dims()[3]);
                let shape = t[0].shape();
                let (largest, places) = t[0].max_pool2d(&max)?;
                let (mean, spread) = (t[0].avg_pool2d(&avg)?, t[0].adaptive_avg_pool2d(adaptive)?);
                Ok(vec![
                    grad(&largest)?.max_pool2d_backward(&places, shape, &max)?,
                    grad(&mean)?.avg_pool2d_backward(shape, &avg)?,
                    grad(&spread)?.adaptive_avg_pool2d_backward(shape, adaptive)?,
                    largest,
                    places,
                    mean,
                    spread,
                ])
            });
        }
    }
    let large = MaxPool2dOptions { kernel_size: [17, 17], stride: [2, 2], padding: [8, 8], dilation: [1, 1], ceil_mode: false };
    check("a window of more than 256 places", 1e-6, &[random.last(&[1, 2, 20, 20])], |t| {
        let (y, places) = t[0].max_pool2d(&large)?;
        Ok(vec![y.max_pool2d_backward(&places, t[0].shape(), &large)?, y, places])
    });
}
