//! What is stored as bf16 under autocast, and how it meets what is not.

use autograd::{Parameter, Result, Var, autocast_bf16, ops::Fused};
use tensor::{DType, Tensor, ops::Conv2dOptions};

fn tensor(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, [1, 2, 1, values.len() / 2]).unwrap()
}

/// The identity as a 1x1 convolution.
fn identity(x: &Var) -> Result<Var> {
    let weight = Var::from(Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0], [2, 2, 1, 1]).unwrap());
    x.conv2d(&weight, None, &Conv2dOptions::default())
}

#[test]
fn activations_are_bf16_and_sums_and_linear_layers_f32() {
    let x = Parameter::new(tensor(&[1.0, -2.0, 3.0, 4.001])).var();
    let ones = Var::from(Tensor::ones([2], DType::F32).unwrap());
    autocast_bf16(|| {
        let y = identity(&x).unwrap();
        let (normed, _) = y.batch_norm_train(Some(&ones), None, 1e-5, Fused::default()).unwrap();
        let pooled = y.adaptive_avg_pool2d([Some(1), Some(1)]).unwrap();
        let of_both = y.mul(&pooled).unwrap();
        for value in [&y, &normed, &y.relu().unwrap(), &pooled, &of_both, &Var::cat(&[&y, &normed], 1).unwrap()] {
            assert_eq!(value.value().dtype(), DType::Bf16);
        }
        assert_eq!(y.value().to_f64_vec().unwrap(), [1.0, -2.0, 3.0, 4.0]);
        let rows = y.reshape([2, 2]).unwrap();
        let wide = [y.sum(&[], false), rows.linear(&rows.detach(), None), rows.softmax(-1), rows.matmul(&rows)];
        for value in wide {
            assert_eq!(value.unwrap().value().dtype(), DType::F32);
        }
    });
    assert_eq!(identity(&x).unwrap().value().dtype(), DType::F32);
    let double = Var::from(x.value().to_dtype(DType::F64).unwrap());
    let weight = Var::from(Tensor::ones([2, 2, 1, 1], DType::F64).unwrap());
    let y = autocast_bf16(|| double.conv2d(&weight, None, &Conv2dOptions::default()).unwrap());
    assert_eq!(y.value().dtype(), DType::F64);
}

/// Two parameters that `combine` brings together, the first by way of bf16: the result's type, and both gradients.
fn gradients(combine: impl Fn(&Var, &Var) -> Result<Var>) -> (DType, [Vec<f64>; 2]) {
    let (a, b) = (Parameter::new(tensor(&[1.0, 2.0])), Parameter::new(tensor(&[3.0, 5.0])));
    let y = autocast_bf16(|| combine(&identity(&a.var()).unwrap(), &b.var()).unwrap());
    y.sum(&[], false).unwrap().backward().unwrap();
    let gradient = |parameter: &Parameter| {
        let gradient = parameter.grad().unwrap();
        assert_eq!(gradient.dtype(), DType::F32);
        gradient.to_f64_vec().unwrap()
    };
    (y.value().dtype(), [gradient(&a), gradient(&b)])
}

#[test]
fn bf16_and_f32_go_together_and_each_gets_a_gradient_of_its_own_type() {
    assert_eq!(gradients(|a, b| a.add(b)), (DType::F32, [vec![1.0, 1.0], vec![1.0, 1.0]]));
    assert_eq!(gradients(|a, b| b.sub(a)), (DType::F32, [vec![-1.0, -1.0], vec![1.0, 1.0]]));
    assert_eq!(gradients(|a, b| a.mul(b)), (DType::F32, [vec![3.0, 5.0], vec![1.0, 2.0]]));
    assert_eq!(gradients(|a, b| Var::cat(&[a, b], 1)), (DType::F32, [vec![1.0, 1.0], vec![1.0, 1.0]]));
    assert_eq!(gradients(|a, b| a.add(&identity(b)?)), (DType::Bf16, [vec![1.0, 1.0], vec![1.0, 1.0]]));
    assert_eq!(gradients(|a, b| identity(&a.add(b)?)?.add(a)), (DType::Bf16, [vec![2.0, 2.0], vec![1.0, 1.0]]));
    let norm = |x: &Var, residual: &Var| {
        let channels = |value| Tensor::full([2], value, DType::F32).unwrap();
        x.batch_norm_eval(&channels(0.0), &channels(1.0), None, None, 0.0, Fused { residual: Some(residual), relu: true })
    };
    assert_eq!(gradients(norm), (DType::Bf16, [vec![1.0, 1.0], vec![1.0, 1.0]]));
}
