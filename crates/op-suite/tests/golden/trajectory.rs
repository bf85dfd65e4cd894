//! The losses of ResNet-18 over the first steps on the digits.

use datasets::{Dataset, Digits, Split};
use layers::{
    CrossEntropyLoss, Mode, Module, ModuleExt,
    optim::{Optimizer, Sgd},
};
use op_suite::{
    Golden,
    compare::{Errors, relative},
    placed,
};
use tensor::{DType, Tensor};

const BATCH: usize = 32;

/// How many times PyTorch's own `float32` error is accepted where that is more than the tolerance, as for the gradients: with these
/// weights training is chaotic, and with some suffixes of the names PyTorch leaves its `float64` before the fourth step.
const PYTORCH_FACTOR: f64 = 5.0;

#[test]
fn golden_trajectory_in_f32() {
    let golden = Golden::open();
    let (exact, pytorch) = (losses(&golden, "float64"), losses(&golden, "float32"));
    let of_pytorch = exact.iter().zip(pytorch).map(|(exact, pytorch)| PYTORCH_FACTOR * relative(pytorch, *exact, *exact));
    let tolerances: Vec<f64> = [1e-5, 1e-5, 1e-5, 1e-5, 1e-3, 1e-3].into_iter().zip(of_pytorch).map(|(a, b)| f64::max(a, b)).collect();
    crate::conclude(crate::first_that_fits(|attempt| compare(DType::F32, attempt, &tolerances)));
}

/// The golden losses are rounded to seven decimals.
#[test]
fn golden_trajectory_in_f64() {
    crate::conclude(compare(DType::F64, 0, &[1e-7; 4]));
}

/// The errors of the losses of as many steps as there are tolerances.
fn compare(dtype: DType, attempt: u64, tolerances: &[f64]) -> Errors {
    let _alone = crate::alone();
    let golden = Golden::open();
    let losses = losses(&golden, "float64");
    let digits = Digits::new(Split::Train).unwrap_or_else(|e| panic!("{e}"));
    let model = golden.model("resnet18");
    model.to_dtype(dtype).expect("a floating-point type");
    let mut optimizer = Sgd::new(model.parameters(), 0.001).momentum(0.9);
    let mut errors = Errors::new();
    for (step, &tolerance) in tolerances.iter().enumerate() {
        let rows: Vec<usize> = (0..BATCH).map(|j| (BATCH * step + j) % digits.len()).collect();
        let (images, targets) = batch(&digits, &rows).unwrap_or_else(|e| panic!("{e}"));
        let images = placed(crate::nudged(&images, attempt).to_dtype(dtype).expect("float32 converts")).into();
        let targets = placed(targets);
        let mut update = || -> layers::Result<f64> {
            optimizer.zero_grad();
            let loss = CrossEntropyLoss::new().forward(&model.forward(&images, Mode::Train)?, &targets)?;
            loss.backward()?;
            optimizer.step()?;
            Ok(loss.item()?)
        };
        let loss = update().unwrap_or_else(|e| panic!("step {step}: {e}"));
        let expected = losses[step];
        errors.note(&format!("loss {step}"), relative(loss, expected, expected), tolerance);
    }
    errors
}

/// The recorded losses of PyTorch in one element type.
fn losses(golden: &Golden, dtype: &str) -> Vec<f64> {
    let json = golden.json("trajectory_resnet18_digits.json");
    let losses = json[dtype]["losses"].as_array().unwrap_or_else(|| panic!("no losses in {dtype}"));
    losses.iter().map(|loss| loss.as_f64().expect("a number")).collect()
}

/// The pictures `[N, 3, 32, 32]` and classes `[N]` of these rows.
fn batch(digits: &Digits, rows: &[usize]) -> datasets::Result<(Tensor, Tensor)> {
    let (mut pixels, mut targets) = (Vec::new(), Vec::new());
    for &row in rows {
        let (image, target) = digits.get(row)?;
        pixels.extend(Digits::preset().apply(image)?);
        targets.push(target);
    }
    let images = Tensor::from_vec(pixels, [rows.len(), 3, 32, 32]).expect("pictures of 3 x 32 x 32");
    Ok((images, Tensor::from_vec(targets, [rows.len()]).expect("a class each")))
}
