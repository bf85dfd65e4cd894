//! Ten steps of each optimiser, and the learning rates of each schedule.

use layers::{
    Parameter,
    optim::{Adam, AdamW, CosineAnnealingLR, LinearLR, OneCycleLR, Optimizer, RMSprop, Schedule, SequentialLR, Sgd, StepLR},
};
use op_suite::{
    Golden,
    compare::{Errors, relative, relative_l2},
    placed,
};
use serde_json::Value;
use tensor::{DType, Tensor};

#[test]
fn golden_optimizers_in_f32() {
    crate::conclude(compare(DType::F32, 1e-6));
}

#[test]
fn golden_optimizers_in_f64() {
    crate::conclude(compare(DType::F64, 1e-12));
}

fn compare(dtype: DType, tolerance: f64) -> Errors {
    let golden = Golden::open().json("optimizers.json");
    let tensor = |value: &Value| {
        let values = numbers(value);
        placed(Tensor::from_slice(&values, [values.len()]).and_then(|t| t.to_dtype(dtype)).expect("float64 converts"))
    };
    let mut errors = Errors::new();
    for (name, trace) in golden["after_each_step"].as_object().expect("traces by name") {
        let parameter = Parameter::new(tensor(&golden["p0"]));
        let mut optimizer = optimizer(name, parameter.clone());
        let steps = golden["grads"].as_array().expect("a list").iter().zip(trace.as_array().expect("a list"));
        for (step, (grad, expected)) in steps.enumerate() {
            parameter.zero_grad();
            parameter.accumulate_grad(tensor(grad)).expect("a gradient of the parameter's shape");
            optimizer.step().unwrap_or_else(|e| panic!("{name}: {e}"));
            errors.note(&format!("{name}, step {step}"), relative_l2(&parameter.value(), &tensor(expected)), tolerance);
        }
    }
    errors
}

fn optimizer(name: &str, parameter: Parameter) -> Box<dyn Optimizer> {
    let p = vec![parameter];
    match name {
        "sgd" => Box::new(Sgd::new(p, 0.1)),
        "sgd_momentum" => Box::new(Sgd::new(p, 0.1).momentum(0.9)),
        "sgd_nesterov_wd" => Box::new(Sgd::new(p, 0.1).momentum(0.9).weight_decay(0.01).nesterov(true)),
        "sgd_dampening" => Box::new(Sgd::new(p, 0.1).momentum(0.9).dampening(0.3)),
        "adam" => Box::new(Adam::new(p, 0.01)),
        "adamw" => Box::new(AdamW::new(p, 0.01).weight_decay(0.1)),
        "rmsprop" => Box::new(RMSprop::new(p, 0.01).momentum(0.9)),
        _ => panic!("no test knows the optimiser {name}"),
    }
}

#[test]
fn golden_schedules() {
    let golden = Golden::open().json("optimizers.json");
    let mut errors = Errors::new();
    for (name, rates) in golden["schedules_lr_0.1"].as_object().expect("rates by name") {
        let schedule = schedule(name);
        for (step, expected) in numbers(rates).into_iter().enumerate() {
            errors.note(&format!("{name}, step {step}"), relative(schedule.lr(0.1, step as u64), expected, expected), 1e-9);
        }
    }
    crate::conclude(errors);
}

fn schedule(name: &str) -> Box<dyn Schedule> {
    match name {
        "step" => Box::new(StepLR::new(3)),
        "cosine" => Box::new(CosineAnnealingLR::new(10)),
        "onecycle" => Box::new(OneCycleLR::new(0.5, 12)),
        "warmup_cosine" => Box::new(SequentialLR::new(LinearLR::new(0.01, 3)).then(3, CosineAnnealingLR::new(7))),
        _ => panic!("no test knows the schedule {name}"),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}
