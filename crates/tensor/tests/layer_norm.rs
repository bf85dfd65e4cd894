//! Layer normalisation and the views that bring channels to it, against PyTorch.

mod common;

use common::{assert_close, signed};
use tensor::{Layout, Shape, Tensor, ops::LayerNorm};

fn tensor(values: &[f64], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape).unwrap()
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let (x, g) =
        (tensor(&[0.5, -1.0, 2.0, 0.25, 3.0, 3.5, -2.0, 1.0], &[2, 4]), tensor(&[1.0, -2.0, 0.5, 3.0, 0.0, 1.0, -1.0, 2.0], &[2, 4]));
    let (weight, bias) = (tensor(&[1.0, 2.0, -0.5, 0.25], &[4]), tensor(&[0.1, 0.2, 0.3, 0.4], &[4]));
    let normalized_shape = Shape::from([4]);
    let norm = LayerNorm { normalized_shape: &normalized_shape, weight: Some(&weight), bias: Some(&bias), eps: 1e-3 };
    let y = x.layer_norm(&norm).unwrap();
    let grads = g.layer_norm_backward(&x, &norm).unwrap();
    // torch.nn.functional.layer_norm(x, (4,), weight, bias, 1e-3), and the gradients of (y * g).sum().
    let expected = [
        (y, &[0.158595, -2.495382, -0.432441, 0.356054, 0.851729, 2.166060, 1.080642, 0.356631][..]),
        (grads.x, &[1.455478, -1.600161, -1.348411, 1.493094, -0.442469, 0.453346, 0.082731, -0.093608]),
        (grads.weight, &[0.058595, 3.678413, 2.293724, -0.874309]),
        (grads.bias, &[1.0, -1.0, -0.5, 5.0]),
    ];
    for (found, expected) in expected {
        assert_close("layer_norm", &found, &tensor(expected, found.dims()), 1e-6);
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (x, g, weight) = (signed("x", &[4, 27, 29, 70]), signed("g", &[4, 27, 29, 70]), signed("w", &[70]));
    let normalized_shape = Shape::from([70]);
    let norm = LayerNorm { normalized_shape: &normalized_shape, weight: Some(&weight), bias: None, eps: 1e-6 };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let grads = g.layer_norm_backward(&x, &norm).unwrap();
            [x.layer_norm(&norm).unwrap(), grads.x, grads.weight, grads.bias].map(|t| t.to_vec::<f32>().unwrap())
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(3));
}

#[test]
fn from_channels_last_pictures_to_rows_of_channels_and_back_nothing_is_copied() {
    let x = signed("x", &[2, 3, 4, 5]).channels_last().unwrap();
    let rows = x.permute(&[0, 2, 3, 1]).unwrap();
    assert!(rows.shares_memory_with(&x) && rows.layout() == Layout::Contiguous);
    let back = rows.permute(&[0, 3, 1, 2]).unwrap();
    assert!(back.shares_memory_with(&x) && back.layout() == Layout::ChannelsLast);
    assert_eq!(back.to_vec::<f32>().unwrap(), x.to_vec::<f32>().unwrap());
    assert_eq!(rows.to_vec::<f32>().unwrap(), x.contiguous().unwrap().permute(&[0, 2, 3, 1]).unwrap().to_vec::<f32>().unwrap());
}

#[test]
fn shuffled_channels_are_those_of_pytorch() {
    let x = Tensor::arange(6, tensor::DType::F32).unwrap().reshape([1, 6, 1, 1]).unwrap();
    // torch.nn.ChannelShuffle(3)
    assert_eq!(x.channel_shuffle(3).unwrap().to_vec::<f32>().unwrap(), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    for groups in [0, 4] {
        let error = x.channel_shuffle(groups).unwrap_err().to_string();
        assert_eq!(error, format!("channel_shuffle: shape [1, 6, 1, 1]: {groups} groups do not divide 6 channels"));
    }
}

#[test]
fn errors_name_the_shapes() {
    let (x, weight) = (signed("x", &[2, 3]), signed("w", &[2]));
    let error = |x: &Tensor, shape: &[usize], weight: Option<&Tensor>| {
        x.layer_norm(&LayerNorm { normalized_shape: &shape.into(), weight, bias: None, eps: 1e-5 }).unwrap_err().to_string()
    };
    assert!(error(&x, &[2], None).starts_with("layer_norm: shapes [2, 3] and [2] do not fit"));
    assert!(error(&x, &[3], Some(&weight)).starts_with("layer_norm: shapes [2] and [3] do not fit"));
    assert!(error(&signed("x", &[2, 0]), &[0], None).contains("not empty"));
}
