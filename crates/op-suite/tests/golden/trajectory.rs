//! The losses of ResNet-18 over the first steps on the digits.

use datasets::{Dataset, Digits, Split};
use layers::{
    CrossEntropyLoss, Mode, Module, ModuleExt,
    optim::{Optimizer, Sgd},
};
use op_suite::{
    Golden,
    compare::{Errors, relative},
};
use tensor::{DType, Tensor};

const BATCH: usize = 32;

/// With these weights training is chaotic: PyTorch's own `float32` leaves its `float64` after six steps.
#[test]
fn golden_trajectory_in_f32() {
    let tolerances = [1e-5, 1e-5, 1e-5, 1e-5, 1e-3, 1e-3];
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
    let losses = golden.json("trajectory_resnet18_digits.json")["float64"]["losses"].clone();
    let digits = Digits::new(Split::Train).unwrap_or_else(|e| panic!("{e}"));
    let model = golden.model("resnet18");
    model.to_dtype(dtype).expect("a floating-point type");
    let mut optimizer = Sgd::new(model.parameters(), 0.001).momentum(0.9);
    let mut errors = Errors::new();
    for (step, &tolerance) in tolerances.iter().enumerate() {
        let rows: Vec<usize> = (0..BATCH).map(|j| (BATCH * step + j) % digits.len()).collect();
        let (images, targets) = batch(&digits, &rows).unwrap_or_else(|e| panic!("{e}"));
        let images = crate::nudged(&images, attempt).to_dtype(dtype).expect("float32 converts").into();
        let mut update = || -> layers::Result<f64> {
            optimizer.zero_grad();
            let loss = CrossEntropyLoss::new().forward(&model.forward(&images, Mode::Train)?, &targets)?;
            loss.backward()?;
            optimizer.step()?;
            Ok(loss.item()?)
        };
        let loss = update().unwrap_or_else(|e| panic!("step {step}: {e}"));
        let expected = losses[step].as_f64().unwrap_or_else(|| panic!("no golden loss of step {step}"));
        errors.note(&format!("loss {step}"), relative(loss, expected, expected), tolerance);
    }
    errors
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
