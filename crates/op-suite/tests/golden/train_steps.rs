//! One training step of whole networks: the loss, every gradient, and the running statistics.

use layers::{CrossEntropyLoss, Mode, ModuleExt, Var};
use op_suite::{
    Golden,
    compare::{Errors, norm, relative, values},
    placed,
    train_step::Case,
};
use tensor::{DType, Tensor};
use zoo::Model;

/// What any correct computation in `float32` reaches.
const FLOOR: f64 = 1e-5;
/// How many times PyTorch's own `float32` error is accepted.
const WORST_FACTOR: f64 = 5.0;
/// The same for the median gradient, which chance moves less.
const MEDIAN_FACTOR: f64 = 2.0;

#[test]
fn golden_train_steps_in_f32() {
    compare(|golden, case| {
        let tolerance = |factor: f64, pytorch: f64| f64::max(factor * pytorch, FLOOR);
        let tolerances = Tolerances {
            loss: tolerance(WORST_FACTOR, case.pytorch.loss),
            worst_grad: tolerance(WORST_FACTOR, case.pytorch.worst_grad),
            median_grad: tolerance(MEDIAN_FACTOR, case.pytorch.median_grad),
        };
        crate::first_that_fits(|attempt| errors_of(golden, case, DType::F32, attempt, &tolerances))
    });
}

/// The networks of the comparison in `float64`, whose kernels are plain and slow: between them they have every kind of layer that is
/// trained with a batch norm. Other layers are compared in `float64` one by one.
const F64_MODELS: [&str; 2] = ["resnet18", "resnet50"];

/// Without rounding to speak of, nothing is left to chance.
#[test]
fn golden_train_steps_in_f64() {
    let tolerances = Tolerances { loss: 1e-8, worst_grad: 1e-7, median_grad: 1e-8 };
    compare(|golden, case| {
        let among = F64_MODELS.contains(&case.setting().0);
        if among { errors_of(golden, case, DType::F64, 0, &tolerances) } else { Errors::new() }
    });
}

/// The largest relative errors that are accepted. The running statistics have the loss's.
struct Tolerances {
    loss: f64,
    worst_grad: f64,
    median_grad: f64,
}

fn compare(errors_of: impl Fn(&Golden, &Case) -> Errors) {
    let _alone = crate::alone();
    let golden = Golden::open();
    let mut errors = Errors::new();
    for case in golden.train_steps() {
        errors.append(errors_of(&golden, &case));
    }
    crate::conclude(errors);
}

fn errors_of(golden: &Golden, case: &Case, dtype: DType, attempt: u64, tolerances: &Tolerances) -> Errors {
    let (name, size, batch) = case.setting();
    let mut model = golden.model(name);
    model.set_dropout(0.0);
    model.to_dtype(dtype).expect("a floating-point type");
    let x = crate::nudged(&golden.signed("train-input", &[batch, 3, size, size]), attempt).to_dtype(dtype).expect("float32 converts");
    let x = placed(x);
    let (loss, scale) = step(golden, case, &model, &x.into()).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let mut errors = Errors::new();
    errors.note(&format!("{} loss", case.name), relative(loss, case.loss, scale), tolerances.loss);
    compare_gradients(golden, case, &model, tolerances, &mut errors);
    compare_running_statistics(case, &model, tolerances, &mut errors);
    errors
}

/// Runs the case, which leaves gradients and running statistics in the model. Gives the loss, and the size of
/// what was summed up to it.
fn step(golden: &Golden, case: &Case, model: &dyn Model, x: &Var) -> layers::Result<(f64, f64)> {
    let (loss, scale) = if case.frozen_bn() {
        let logits = model.forward(x, Mode::Eval)?;
        let probe = golden.probe("logits", logits.dims()).to_dtype(logits.value().dtype())?;
        let weighted = logits.mul(&placed(probe).into())?;
        (weighted.sum_all()?, norm(&values(weighted.value())))
    } else {
        let targets: Vec<i64> = (0..x.dims()[0] as i64).map(|i| (37 * i + 3) % 1000).collect();
        let loss = model.training_loss(x, &placed(Tensor::from_slice(&targets, [targets.len()])?), &CrossEntropyLoss::new())?;
        let scale = loss.item()?;
        (loss, scale)
    };
    loss.backward()?;
    Ok((loss.item()?, scale))
}

/// Each gradient by its norm and its dot product with a probe, both relative to the norm; and the median of these errors.
fn compare_gradients(golden: &Golden, case: &Case, model: &dyn Model, tolerances: &Tolerances, errors: &mut Errors) {
    let parameters = model.named_parameters();
    let largest = case.grads.iter().map(|grad| grad.norm).fold(0.0, f64::max);
    let mut found = Vec::new();
    for expected in &case.grads {
        let what = format!("{} grad {}", case.name, expected.key);
        let (_, parameter) = parameters.iter().find(|(key, _)| *key == expected.key).unwrap_or_else(|| panic!("{what}: no such parameter"));
        let grad = values(&parameter.grad().unwrap_or_else(|| panic!("{what}: no gradient")));
        let probe = values(&golden.probe(&expected.key, &[grad.len()]));
        let dot = grad.iter().zip(&probe).map(|(g, p)| g * p).sum();
        // A gradient that is zero but for rounding is measured against the others, as golden/make.py does.
        let scale = expected.norm + 1e-6 * largest;
        let error = relative(norm(&grad), expected.norm, scale).max(relative(dot, expected.dot, scale));
        errors.note(&what, error, tolerances.worst_grad);
        found.push(error);
    }
    let with_gradient = parameters.iter().filter(|(_, parameter)| parameter.grad().is_some()).count();
    assert_eq!(with_gradient, case.grads.len(), "{}: parameters with a gradient", case.name);
    found.sort_by(f64::total_cmp);
    errors.note(&format!("{} median grad", case.name), found[found.len() / 2], tolerances.median_grad);
}

fn compare_running_statistics(case: &Case, model: &dyn Model, tolerances: &Tolerances, errors: &mut Errors) {
    let tensors = model.named_tensors();
    for (key, expected) in &case.running {
        let slot = tensors.iter().find(|(name, _)| name == key).unwrap_or_else(|| panic!("{}: no buffer {key}", case.name));
        let found = norm(&values(&slot.1.value()));
        errors.note(&format!("{} running {key}", case.name), relative(found, *expected, *expected), tolerances.loss);
    }
}
