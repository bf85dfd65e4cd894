//! The general operations against their definitions: broadcasting, memory orders, reductions, views, limits and errors.

mod common;

use common::{assert_close, signed, signed64};
use tensor::{
    DType, Layout, Tensor, bf16,
    ops::{AvgPool2dOptions, Binary, CrossEntropyOptions, MaxPool2dOptions, Norm, Reduce, Unary},
    random::Generator,
};

fn ints(values: &[i64]) -> Tensor {
    Tensor::from_slice(values, [values.len()]).unwrap()
}

/// The offset in row-major order of `index`, a place in `shape`, for a tensor of shape `dims` broadcast to it.
fn broadcast_offset(index: usize, shape: &[usize], dims: &[usize]) -> usize {
    let (mut rest, mut offset, mut stride) = (index, 0, 1);
    for (d, &size) in shape.iter().enumerate().rev() {
        let place = rest % size;
        rest /= size;
        if let Some(own) = (d + dims.len()).checked_sub(shape.len()) {
            offset += if dims[own] == 1 { 0 } else { place } * stride;
            stride *= dims[own];
        }
    }
    offset
}

#[test]
fn broadcasting_follows_the_definition_in_every_memory_order() {
    let shapes: [(&[usize], &[usize], &[usize]); 9] = [
        (&[2, 5, 3, 4], &[2, 5, 3, 4], &[2, 5, 3, 4]),
        (&[2, 5, 3, 4], &[], &[2, 5, 3, 4]),
        (&[2, 5, 3, 4], &[1, 5, 1, 1], &[2, 5, 3, 4]),
        (&[2, 5, 3, 4], &[5, 1, 1], &[2, 5, 3, 4]),
        (&[2, 1, 3, 4], &[1, 5, 1, 4], &[2, 5, 3, 4]),
        (&[4], &[2, 5, 3, 4], &[2, 5, 3, 4]),
        (&[40, 3], &[40, 1], &[40, 3]),
        (&[1, 3], &[40, 1], &[40, 3]),
        (&[0, 3], &[1, 3], &[0, 3]),
    ];
    for (a_shape, b_shape, shape) in shapes {
        let (a, b) = (signed64("a", a_shape), signed64("b", b_shape));
        let (av, bv) = (a.to_vec::<f64>().unwrap(), b.to_vec::<f64>().unwrap());
        let expected =
            (0..shape.iter().product()).map(|i| av[broadcast_offset(i, shape, a_shape)] - bv[broadcast_offset(i, shape, b_shape)]);
        let expected = Tensor::from_vec(expected.collect(), shape).unwrap();
        let orders = |t: &Tensor| -> Vec<Tensor> {
            let layouts = [Layout::Contiguous, Layout::ChannelsLast, Layout::Blocked];
            layouts.iter().filter_map(|&layout| t.to_layout(layout).ok()).collect()
        };
        for a in orders(&a) {
            for b in orders(&b) {
                assert_close("sub", &a.sub(&b).unwrap(), &expected, 0.0);
                let (above, below) = (a.gt(&b).unwrap(), a.le(&b).unwrap());
                let larger = above.where_cond(&a, &b).unwrap();
                assert_close("where", &larger, &a.maximum(&b).unwrap(), 0.0);
                assert_close("where not", &below.where_cond(&b, &a).unwrap(), &larger, 0.0);
            }
        }
    }
}

#[test]
fn comparisons_are_those_of_rust_also_where_a_value_is_not_a_number() {
    let values = [f64::NAN, f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1.0, f64::INFINITY];
    let each = |dtype: DType, values: &[f64]| {
        let n = values.len();
        let column = Tensor::from_slice(values, [n, 1]).unwrap().to_dtype(dtype).unwrap();
        let row = column.reshape([1, n]).unwrap();
        type Definition = fn(f64, f64) -> bool;
        let definitions: [(_, Definition); 6] = [
            (column.eq(&row), |a, b| a == b),
            (column.ne(&row), |a, b| a != b),
            (column.lt(&row), |a, b| a < b),
            (column.le(&row), |a, b| a <= b),
            (column.gt(&row), |a, b| a > b),
            (column.ge(&row), |a, b| a >= b),
        ];
        for (i, (result, holds)) in definitions.into_iter().enumerate() {
            let expected: Vec<_> = values.iter().flat_map(|&a| values.iter().map(move |&b| u8::from(holds(a, b)))).collect();
            assert_eq!(result.unwrap().to_vec::<u8>().unwrap(), expected, "comparison {i} of {dtype}");
        }
    };
    for dtype in [DType::F32, DType::F64, DType::Bf16] {
        each(dtype, &values);
    }
    each(DType::I64, &[-1.0, 0.0, 1.0]);
    each(DType::U8, &[0.0, 1.0, 255.0]);
}

#[test]
fn results_are_channels_last_where_an_operand_is() {
    let (nhwc, nchw) = (signed("a", &[2, 3, 4, 5]).channels_last().unwrap(), signed("b", &[2, 3, 4, 5]));
    for result in [nhwc.add(&nchw).unwrap(), nchw.add(&nhwc).unwrap(), nhwc.relu().unwrap(), nhwc.narrow(1, 1, 2).unwrap()] {
        assert_eq!(result.layout(), Layout::ChannelsLast);
    }
    assert_eq!(Tensor::cat(&[&nchw, &nhwc], 1).unwrap().layout(), Layout::ChannelsLast);
}

#[test]
fn the_padding_of_blocked_weights_stays_zero() {
    let w = signed("w", &[5, 3, 2, 2]).to_layout(Layout::Blocked).unwrap();
    let one = w.mul_scalar(0.0).unwrap().add_scalar(1.0).unwrap();
    let results =
        [w.add(&w).unwrap(), w.div(&w).unwrap(), w.exp().unwrap(), w.add_scalar(2.0).unwrap(), w.relu().unwrap(), w.maximum(&one).unwrap()];
    for result in results {
        let padding_sum = |t: &Tensor| t.data::<f32>().unwrap().iter().map(|x| x.abs() as f64).sum::<f64>();
        let elements_sum = result.to_f64_vec().unwrap().iter().map(|x| x.abs()).sum::<f64>();
        assert!((padding_sum(&result.to_layout(Layout::Blocked).unwrap()) - elements_sum).abs() < 1e-9);
        assert!((padding_sum(&result) - elements_sum).abs() < 1e-9);
    }
}

#[test]
fn adding_in_place_copies_shared_memory_first() {
    let original = signed("a", &[2, 3, 4, 5]);
    let mut sum = original.clone();
    sum.add_(&original.channels_last().unwrap()).unwrap();
    assert_close("the sum", &sum, &original.mul_scalar(2.0).unwrap(), 0.0);
    assert_close("the original", &original, &signed("a", &[2, 3, 4, 5]), 0.0);
    assert!(sum.add_(&signed("b", &[5])).unwrap_err().to_string().contains("[2, 3, 4, 5] and [5]"));
}

/// The reduction by its definition, kept dimensions as 1.
fn reduce_plainly(op: Reduce, x: &Tensor, dims: &[isize]) -> Tensor {
    let kept: Vec<usize> = (0..x.dims().len()).map(|d| if dims.contains(&(d as isize)) { 1 } else { x.dims()[d] }).collect();
    let mut groups = vec![Vec::new(); kept.iter().product()];
    for (i, v) in x.to_f64_vec().unwrap().into_iter().enumerate() {
        groups[broadcast_offset(i, x.dims(), &kept)].push(v);
    }
    let of_group = |g: &Vec<f64>| match op {
        Reduce::Sum => g.iter().sum(),
        Reduce::Mean => g.iter().sum::<f64>() / g.len() as f64,
        Reduce::Max => g.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Reduce::Min => g.iter().copied().fold(f64::INFINITY, f64::min),
    };
    Tensor::from_vec(groups.iter().map(of_group).collect(), kept).unwrap()
}

#[test]
fn reductions_follow_the_definition() {
    let subsets: Vec<Vec<isize>> = (1..16).map(|bits| (0..4).filter(|d| bits >> d & 1 == 1).collect()).collect();
    for shape in [[3, 5, 4, 2], [2, 1, 33, 70], [1, 1100, 2, 35], [40, 1, 1, 1000]] {
        for layout in [Layout::Contiguous, Layout::ChannelsLast] {
            let x = signed("x", &shape).to_layout(layout).unwrap();
            for dims in &subsets {
                for op in [Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::Min] {
                    let what = format!("{op:?} of {shape:?} {layout:?} over {dims:?}");
                    let expected = reduce_plainly(op, &x, dims);
                    assert_close(&what, &x.reduce(op, dims, true).unwrap(), &expected, 1e-7);
                    let remaining: Vec<usize> = (0..4).filter(|&d| !dims.contains(&(d as isize))).map(|d| shape[d]).collect();
                    assert_close(&what, &x.reduce(op, dims, false).unwrap(), &expected.reshape(remaining).unwrap(), 1e-7);
                }
            }
        }
    }
}

#[test]
fn long_sums_keep_their_precision() {
    let x = Tensor::full([1 << 21], 0.1, DType::F32).unwrap();
    let exact = 0.1f32 as f64 * (1 << 21) as f64;
    assert!((x.sum_all().unwrap().item().unwrap() - exact).abs() / exact < 1e-7);
}

#[test]
fn variance_is_that_of_the_definition() {
    let x = Tensor::from_vec(vec![1.0f64, 2.0, 4.0, 9.0], [2, 2]).unwrap();
    assert_close("biased", &x.var(&[1], false, false).unwrap(), &Tensor::from_vec(vec![0.25f64, 6.25], [2]).unwrap(), 1e-15);
    assert_close("unbiased", &x.var(&[1], true, true).unwrap(), &Tensor::from_vec(vec![0.5f64, 12.5], [2, 1]).unwrap(), 1e-15);
}

#[test]
fn not_a_number_is_never_lost() {
    let x = Tensor::from_vec(vec![1.0f32, f32::NAN, 3.0, 0.5], [1, 1, 2, 2]).unwrap();
    assert!(x.amax(&[], false).unwrap().item().unwrap().is_nan() && x.amin(&[], false).unwrap().item().unwrap().is_nan());
    assert!(x.max_pool2d(&MaxPool2dOptions::new(2)).unwrap().0.item().unwrap().is_nan());
    assert!(x.max_pool2d_values(&MaxPool2dOptions::new(2)).unwrap().item().unwrap().is_nan());
    assert!(x.relu().unwrap().to_f64_vec().unwrap()[1].is_nan() && x.clamp(0.0, 1.0).unwrap().to_f64_vec().unwrap()[1].is_nan());
    assert!(x.maximum(&Tensor::scalar(0.0f32)).unwrap().to_f64_vec().unwrap()[1].is_nan());
    assert!(Tensor::scalar(0.0f32).minimum(&x).unwrap().to_f64_vec().unwrap()[1].is_nan());
    assert_eq!(x.reshape([4]).unwrap().argmax(0, false).unwrap().item().unwrap(), 1.0);
    assert_eq!(x.reshape([4]).unwrap().top_k(2).unwrap().1.to_vec::<i64>().unwrap(), [1, 2]);
}

#[test]
fn places_of_extremes() {
    let x = Tensor::from_vec(vec![3.0f32, 1.0, 2.0, 1.0, 3.0, 0.0], [2, 3]).unwrap();
    assert_eq!(x.argmax(1, false).unwrap().to_vec::<i64>().unwrap(), [0, 1]);
    assert_eq!(x.argmin(1, false).unwrap().to_vec::<i64>().unwrap(), [1, 2]);
    assert_eq!(x.argmax(0, false).unwrap().to_vec::<i64>().unwrap(), [0, 1, 0]);
    assert_eq!(x.argmax(0, true).unwrap().dims(), [1, 3]);
    assert_eq!(ints(&[5, 5, 4]).argmax(0, false).unwrap().item().unwrap(), 0.0);
}

#[test]
fn top_k_sorts_and_breaks_ties_by_place() {
    let x = Tensor::from_vec(vec![1.0f32, 5.0, 3.0, 5.0, 2.0, 2.0, 2.0, 2.0], [2, 4]).unwrap();
    let (values, places) = x.top_k(3).unwrap();
    assert_eq!(values.to_vec::<f32>().unwrap(), [5.0, 5.0, 3.0, 2.0, 2.0, 2.0]);
    assert_eq!(places.to_vec::<i64>().unwrap(), [1, 3, 2, 0, 1, 2]);
    assert_eq!(x.top_k(4).unwrap().1.to_vec::<i64>().unwrap(), [1, 3, 2, 0, 0, 1, 2, 3]);
    assert_eq!(x.top_k(0).unwrap().0.dims(), [2, 0]);
    assert!(x.top_k(5).unwrap_err().to_string().contains("k = 5"));
}

#[test]
fn matrix_products_follow_the_definition() {
    for (m, k, n) in [(1, 1, 1), (65, 7, 130), (3, 0, 2), (0, 3, 2), (129, 33, 1)] {
        let (a, b) = (signed64("a", &[2, m, k]), signed64("b", &[2, k, n]));
        let column = a.unsqueeze(-1).unwrap().broadcast_to([2, m, k, n]).unwrap();
        let expected = column.mul(&b.unsqueeze(1).unwrap()).unwrap().sum(&[2], false).unwrap();
        assert_close("f64", &a.matmul(&b).unwrap(), &expected, 1e-14);
        let (a32, b32) = (a.to_dtype(DType::F32).unwrap(), b.to_dtype(DType::F32).unwrap());
        assert_close("f32", &a32.matmul(&b32).unwrap(), &expected, 1e-6);
        let transposed = a.transpose(1, 2).unwrap().matmul_transposed(&b.transpose(1, 2).unwrap(), true, true).unwrap();
        assert_close("transposed", &transposed, &expected, 1e-14);
        let first = |t: &Tensor| t.narrow(0, 0, 1).unwrap().squeeze(0).unwrap();
        assert_close("two dimensions", &first(&a).matmul(&first(&b)).unwrap(), &first(&expected), 1e-14);
    }
    let message = signed("a", &[2, 3]).matmul(&signed("b", &[4, 5])).unwrap_err().to_string();
    assert!(message.contains("[2, 3] and [4, 5]"), "{message}");
}

#[test]
fn views_pick_the_right_elements_in_both_memory_orders() {
    let plain = Tensor::arange(2 * 3 * 4 * 5, DType::F32).unwrap().reshape([2, 3, 4, 5]).unwrap();
    let array = plain.to_array::<f32>().unwrap();
    for x in [plain.clone(), plain.channels_last().unwrap(), plain.to_layout(Layout::Blocked).unwrap()] {
        for dim in 0..4 {
            let size = x.dims()[dim];
            let axis = ndarray::Axis(dim);
            let expected = array.slice_axis(axis, ndarray::Slice::from(1..size)).to_owned();
            assert_eq!(x.narrow(dim as isize, 1, size - 1).unwrap().to_array::<f32>().unwrap(), expected);
            let expected = array.slice_axis(axis, ndarray::Slice::new(0, None, 2)).to_owned();
            assert_eq!(x.slice(dim as isize, 0, usize::MAX, 2).unwrap().to_array::<f32>().unwrap(), expected);
            let indices = [size - 1, 0, 0];
            let selected = x.index_select(dim as isize, &ints(&indices.map(|i| i as i64))).unwrap();
            assert_eq!(selected.to_array::<f32>().unwrap(), array.select(axis, &indices));
            let pieces = x.chunk(2, dim as isize).unwrap();
            assert_eq!(pieces.len(), 2);
            let joined = Tensor::cat(&pieces.iter().collect::<Vec<_>>(), dim as isize).unwrap();
            assert_eq!(joined.to_array::<f32>().unwrap(), array);
            let stacked = Tensor::stack(&[&x, &x], dim as isize).unwrap();
            assert_eq!(stacked.to_array::<f32>().unwrap(), ndarray::stack(axis, &[array.view(), array.view()]).unwrap());
        }
        let permuted = x.permute(&[2, 0, -1, 1]).unwrap();
        assert_eq!(permuted.to_array::<f32>().unwrap(), array.view().permuted_axes(ndarray::IxDyn(&[2, 0, 3, 1])).to_owned());
        let repeated = x.narrow(0, 0, 1).unwrap().broadcast_to([3, 3, 4, 5]).unwrap().to_array::<f32>().unwrap();
        assert!((0..3).all(|i| repeated.index_axis(ndarray::Axis(0), i) == array.index_axis(ndarray::Axis(0), 0)));
    }
    assert_eq!(plain.unsqueeze(-1).unwrap().dims(), [2, 3, 4, 5, 1]);
    assert_eq!(plain.unsqueeze(0).unwrap().squeeze(0).unwrap().dims(), [2, 3, 4, 5]);
    assert_eq!(plain.squeeze(1).unwrap().dims(), [2, 3, 4, 5]);
}

#[test]
fn narrowing_the_first_dimension_shares_the_memory() {
    let x = signed("x", &[4, 3, 2, 2]).channels_last().unwrap();
    assert!(x.narrow(0, 1, 2).unwrap().shares_memory_with(&x));
}

#[test]
fn casts_round_truncate_and_saturate() {
    let x = Tensor::from_vec(vec![1.5f32, -1.5, 300.0, f32::NAN, 1.0 + 1.0 / 256.0 + 1e-6], [5]).unwrap();
    assert_eq!(x.to_dtype(DType::I64).unwrap().to_vec::<i64>().unwrap(), [1, -1, 300, 0, 1]);
    assert_eq!(x.to_dtype(DType::U8).unwrap().to_vec::<u8>().unwrap(), [1, 0, 255, 0, 1]);
    let narrow = x.to_dtype(DType::Bf16).unwrap();
    assert_eq!(narrow.data::<bf16>().unwrap()[4].to_f64(), 1.0 + 1.0 / 128.0);
    let wide = x.to_dtype(DType::F64).unwrap();
    let (a, b) = (narrow.to_dtype(DType::F32).unwrap(), wide.to_dtype(DType::Bf16).unwrap().to_dtype(DType::F32).unwrap());
    let bits = |t: &Tensor| t.to_vec::<f32>().unwrap().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&a)[..3], bits(&b)[..3]);
    assert_eq!(bits(&a)[4], bits(&b)[4]);
    assert!(x.to_dtype(DType::F32).unwrap().shares_memory_with(&x));
}

#[test]
fn dropout_keeps_the_asked_share_and_the_mean() {
    let x = Tensor::ones([100_000], DType::F32).unwrap();
    let (out, mask) = x.dropout(0.25, &mut Generator::new(1)).unwrap();
    let kept = mask.to_dtype(DType::F32).unwrap().mean_all().unwrap().item().unwrap();
    assert!((kept - 0.75).abs() < 0.01 && (out.mean_all().unwrap().item().unwrap() - 1.0).abs() < 0.01);
    assert_close("the same seed", &x.dropout(0.25, &mut Generator::new(1)).unwrap().0, &out, 0.0);
    assert_eq!(x.dropout(1.0, &mut Generator::new(1)).unwrap().0.sum_all().unwrap().item().unwrap(), 0.0);
    assert_close("p = 0", &x.dropout(0.0, &mut Generator::new(1)).unwrap().0, &x, 0.0);
    assert!(x.dropout(1.5, &mut Generator::new(1)).unwrap_err().to_string().contains("1.5"));
}

#[test]
fn large_logits_neither_overflow_nor_lose_precision() {
    let x = Tensor::from_vec(vec![1000.0f32, 999.0, -1000.0], [1, 3]).unwrap();
    let p = x.softmax(-1).unwrap().to_f64_vec().unwrap();
    let e = 1.0 / (1.0 + (-1.0f64).exp());
    assert!((p[0] - e).abs() < 1e-6 && (p[1] - (1.0 - e)).abs() < 1e-6 && p[2] == 0.0);
    let (loss, _) = x.cross_entropy(&ints(&[1]), &CrossEntropyOptions::default()).unwrap();
    assert!((loss.item().unwrap() + (1.0 - e).ln()).abs() < 1e-6);
}

#[test]
fn empty_tensors_go_through_everything() {
    let x = Tensor::zeros([0, 3, 4, 4], DType::F32).unwrap();
    let none = ints(&[]);
    assert_eq!(x.relu().unwrap().dims(), [0, 3, 4, 4]);
    assert_eq!(x.add(&Tensor::scalar(1.0f32)).unwrap().dims(), [0, 3, 4, 4]);
    assert_eq!(x.sum(&[0], false).unwrap().sum_all().unwrap().item().unwrap(), 0.0);
    assert_eq!(Tensor::zeros([0, 3000], DType::F32).unwrap().sum(&[0], false).unwrap().dims(), [3000]);
    assert!(x.mean_all().unwrap().item().unwrap().is_nan());
    assert!(x.amax(&[0], false).is_err() && x.argmax(0, false).is_err());
    assert_eq!(x.argmax(1, false).unwrap().dims(), [0, 4, 4]);
    assert_eq!(x.max_pool2d(&MaxPool2dOptions::new(2)).unwrap().0.dims(), [0, 3, 2, 2]);
    assert_eq!(x.avg_pool2d(&AvgPool2dOptions::new(2)).unwrap().dims(), [0, 3, 2, 2]);
    assert_eq!(x.adaptive_avg_pool2d([Some(1); 2]).unwrap().dims(), [0, 3, 1, 1]);
    let channelless = Tensor::zeros([2, 0, 4, 4], DType::F32).unwrap();
    let (pooled, places) = channelless.max_pool2d(&MaxPool2dOptions::new(2)).unwrap();
    assert_eq!(pooled.dims(), [2, 0, 2, 2]);
    let grad = pooled.max_pool2d_backward(&places, channelless.shape(), &MaxPool2dOptions::new(2)).unwrap();
    assert_eq!(grad.dims(), channelless.dims());
    assert_eq!(channelless.avg_pool2d(&AvgPool2dOptions::new(2)).unwrap().dims(), [2, 0, 2, 2]);
    assert!(Tensor::zeros([1, 1, 0, 4], DType::F32).unwrap().adaptive_avg_pool2d([Some(1); 2]).is_err());
    for dim in 0..4 {
        assert_eq!(x.softmax(dim).unwrap().dims(), x.dims());
        assert_eq!(Tensor::cat(&[&x, &x], dim).unwrap().elements(), 0);
        assert_eq!(x.index_select(dim, &none).unwrap().elements(), 0);
        assert!(!x.chunk(3, dim).unwrap().is_empty());
    }
    assert_eq!(x.permute(&[3, 2, 1, 0]).unwrap().dims(), [4, 4, 3, 0]);
    assert_eq!(x.top_k(2).unwrap().0.dims(), [0, 3, 4, 2]);
    let logits = Tensor::zeros([0, 10], DType::F32).unwrap();
    let (loss, p) = logits.cross_entropy(&none, &CrossEntropyOptions::default()).unwrap();
    assert!(loss.item().unwrap().is_nan());
    assert_eq!(p.cross_entropy_backward(&loss, &none, &CrossEntropyOptions::default()).unwrap().dims(), [0, 10]);
    assert_eq!(x.dropout(0.5, &mut Generator::new(0)).unwrap().0.dims(), x.dims());
}

#[test]
fn a_norm_as_scale_and_shift_is_the_norm() {
    for channels in [1, 7, 40] {
        let (x, mean, weight, bias) =
            (signed("x", &[2, channels, 3, 2]), signed("m", &[channels]), signed("w", &[channels]), signed("b", &[channels]));
        let var = signed("v", &[channels]).abs().unwrap();
        for (weight, bias) in [(Some(&weight), Some(&bias)), (Some(&weight), None), (None, Some(&bias)), (None, None)] {
            let norm = Norm { mean: &mean, var: &var, weight, bias, eps: 1e-3 };
            let expected = x.batch_norm(&norm, None, false).unwrap();
            let (scale, shift) = norm.affine().unwrap();
            let channel = |t: Tensor| t.reshape([1, channels, 1, 1]).unwrap();
            let error = x.mul(&channel(scale)).unwrap().add(&channel(shift)).unwrap().sub(&expected).unwrap();
            let largest = |t: Tensor| t.abs().unwrap().amax(&[], false).unwrap().item().unwrap();
            assert!(largest(error) <= 1e-5 * (1.0 + largest(expected)), "{channels} {} {}", weight.is_some(), bias.is_some());
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let x = signed("x", &[8, 70, 33, 35]).channels_last().unwrap();
    let targets = Tensor::from_vec((0..560).map(|i| i % 1155).collect::<Vec<i64>>(), [560]).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (out, _) = x.max_pool2d(&MaxPool2dOptions::new(3)).unwrap();
            let logits = x.reshape([560, 33 * 35]).unwrap();
            let (loss, p) = logits.cross_entropy(&targets, &CrossEntropyOptions::default()).unwrap();
            let product = logits.matmul_transposed(&p, true, false).unwrap();
            let sums = [x.sum(&[0, 2, 3], false), x.sum_all(), logits.sum(&[1], false), logits.sum(&[0], false)].map(|s| s.unwrap());
            // One row of 70 channels, which threads share out.
            let mean = x.narrow(0, 3, 1).unwrap().adaptive_avg_pool2d([Some(1); 2]).unwrap();
            let expected = x.narrow(0, 3, 1).unwrap().mean(&[2, 3], true).unwrap();
            assert!(mean.sub(&expected).unwrap().abs().unwrap().amax(&[], false).unwrap().item().unwrap() < 1e-6);
            [[out, loss, p, product, x.gelu().unwrap(), mean].as_slice(), &sums]
                .concat()
                .iter()
                .map(|t| t.to_vec::<f32>().unwrap())
                .collect::<Vec<_>>()
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3));
}

#[test]
fn errors_name_the_operation_and_what_it_was_given() {
    let (x, picture) = (signed("x", &[2, 3]), signed("p", &[1, 1, 5, 5]));
    let bytes = x.to_dtype(DType::U8).unwrap();
    let pool = |kernel: usize, padding: usize| MaxPool2dOptions { padding: [padding; 2], ..MaxPool2dOptions::new(kernel) };
    let smooth = CrossEntropyOptions { label_smoothing: 1.5, ..Default::default() };
    let errors = [
        (x.add(&signed("y", &[4])).unwrap_err(), "add: shapes [2, 3] and [4] do not fit"),
        (x.binary(Binary::Mul, &bytes).unwrap_err(), "mul: element type uint8 where float32 is needed"),
        (bytes.unary(Unary::Relu).unwrap_err(), "relu: element type uint8"),
        (x.where_cond(&x, &x).unwrap_err(), "where_cond: element type float32 where uint8"),
        (x.sum(&[2], false).unwrap_err(), "sum: shape [2, 3]: there is no dimension 2"),
        (x.sum(&[1, -1], false).unwrap_err(), "sum: dimension -1 is named twice"),
        (x.narrow(1, 2, 2).unwrap_err(), "narrow: entries 2.. (2 of them) reach beyond dimension 1 of size 3"),
        (x.narrow(1, usize::MAX, 2).unwrap_err(), "narrow"),
        (x.slice(0, 0, 1, 0).unwrap_err(), "slice: the step must be at least 1"),
        (x.permute(&[0, 0]).unwrap_err(), "permute: shape [2, 3]"),
        (x.broadcast_to([3, 3]).unwrap_err(), "broadcast_to: shapes [2, 3] and [3, 3]"),
        (x.broadcast_to([usize::MAX / 2, 2, 3]).unwrap_err(), "more elements than memory can hold"),
        (Tensor::cat(&[], 0).unwrap_err(), "cat: no tensors were given"),
        (Tensor::cat(&[&x, &picture], 0).unwrap_err(), "cat: shapes [2, 3] and [1, 1, 5, 5]"),
        (x.index_select(0, &ints(&[0, 2])).unwrap_err(), "index_select: index 2 at position 1, but there are 2 entries"),
        (x.index_select(0, &ints(&[-1])).unwrap_err(), "index -1 at position 0"),
        (
            x.cross_entropy(&ints(&[0, 3]), &Default::default()).unwrap_err(),
            "cross_entropy: index 3 at position 1, but there are 3 classes",
        ),
        (x.cross_entropy(&ints(&[0]), &Default::default()).unwrap_err(), "one target is needed for each row"),
        (x.cross_entropy(&ints(&[0, 0]), &smooth).unwrap_err(), "label smoothing 1.5"),
        (x.max_pool2d(&pool(2, 0)).unwrap_err(), "max_pool2d: shape [2, 3]: four dimensions"),
        (picture.max_pool2d(&pool(6, 0)).unwrap_err(), "a window of 6 does not fit into 5 places with padding 0"),
        (picture.max_pool2d(&pool(3, 2)).unwrap_err(), "padding 2 is more than half of the kernel's 3"),
        (picture.max_pool2d(&pool(0, 0)).unwrap_err(), "kernel 0"),
        (picture.max_pool2d(&pool(usize::MAX, 0)).unwrap_err(), "must lie within 1 and"),
        (picture.adaptive_avg_pool2d([Some(usize::MAX), None]).unwrap_err(), "the output size 18446744073709551615 is above"),
        (x.softmax_backward(&picture, 0).unwrap_err(), "softmax: shapes [2, 3] and [1, 1, 5, 5]"),
        (x.unary_backward(Unary::Gelu, &picture).unwrap_err(), "gelu: shapes [2, 3] and [1, 1, 5, 5]"),
        (
            picture.avg_pool2d_backward(picture.shape(), &AvgPool2dOptions::new(2)).unwrap_err(),
            "avg_pool2d: shapes [1, 1, 5, 5] and [1, 1, 2, 2]",
        ),
    ];
    for (error, expected) in errors {
        assert!(error.to_string().contains(expected), "{error}");
    }
}
