//! Optimisers and schedules against PyTorch's, and what users may do wrong with them.

use std::{env, fs, path::PathBuf};

use layers::{
    Linear, ModuleExt, Parameter,
    optim::{Adam, AdamW, CosineAnnealingLR, LinearLR, OneCycleLR, Optimizer, RMSprop, Schedule, SequentialLR, Sgd, StepLR},
};
use serde_json::Value;
use tensor::{DType, Layout, Tensor};

fn golden() -> Value {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../op-suite/golden");
    let folder = env::var_os("GOLDEN_DIR").map_or_else(|| PathBuf::from(own), PathBuf::from);
    serde_json::from_slice(&fs::read(folder.join("optimizers.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

type Make = fn(Vec<Parameter>) -> Box<dyn Optimizer>;

const CASES: [(&str, Make); 7] = [
    ("sgd", |p| Box::new(Sgd::new(p, 0.1))),
    ("sgd_momentum", |p| Box::new(Sgd::new(p, 0.1).momentum(0.9))),
    ("sgd_nesterov_wd", |p| Box::new(Sgd::new(p, 0.1).momentum(0.9).weight_decay(0.01).nesterov(true))),
    ("sgd_dampening", |p| Box::new(Sgd::new(p, 0.1).momentum(0.9).dampening(0.3))),
    ("adam", |p| Box::new(Adam::new(p, 0.01))),
    ("adamw", |p| Box::new(AdamW::new(p, 0.01).weight_decay(0.1))),
    ("rmsprop", |p| Box::new(RMSprop::new(p, 0.01).momentum(0.9))),
];

/// The largest deviation from PyTorch's parameters over ten steps, relative to the parameter or 1.
fn deviation(name: &str, make: Make, dtype: DType, step: impl Fn(&mut dyn Optimizer, &Parameter)) -> f64 {
    let golden = golden();
    let tensor = |v: &Value| Tensor::from_vec(numbers(v), [6]).unwrap().to_dtype(dtype).unwrap();
    let parameter = Parameter::new(tensor(&golden["p0"]));
    let mut optimizer = make(vec![parameter.clone()]);
    let steps = golden["grads"].as_array().unwrap().iter().zip(golden["after_each_step"][name].as_array().unwrap());
    let mut worst = 0f64;
    for (grad, expected) in steps {
        parameter.zero_grad();
        parameter.accumulate_grad(tensor(grad)).unwrap();
        step(optimizer.as_mut(), &parameter);
        for (a, b) in parameter.value().to_f64_vec().unwrap().into_iter().zip(numbers(expected)) {
            worst = worst.max((a - b).abs() / b.abs().max(1.0));
        }
    }
    worst
}

#[test]
fn golden_optimizers_in_f64() {
    for (name, make) in CASES {
        let found = deviation(name, make, DType::F64, |optimizer, _| optimizer.step().unwrap());
        assert!(found < 1e-12, "{name}: {found}");
    }
}

#[test]
fn golden_optimizers_in_f32() {
    for (name, make) in CASES {
        let found = deviation(name, make, DType::F32, |optimizer, _| optimizer.step().unwrap());
        assert!(found < 1e-6, "{name}: {found}");
    }
}

#[test]
fn golden_optimizers_one_parameter_at_a_time() {
    for (name, make) in CASES {
        let found = deviation(name, make, DType::F64, |optimizer, parameter| {
            optimizer.step_parameter(parameter).unwrap();
            assert!(parameter.grad().is_none(), "the gradient is taken");
        });
        assert!(found < 1e-12, "{name}: {found}");
    }
}

#[test]
fn golden_schedules() {
    let golden = golden();
    let schedules: [(&str, Box<dyn Schedule>); 4] = [
        ("step", Box::new(StepLR::new(3))),
        ("cosine", Box::new(CosineAnnealingLR::new(10))),
        ("onecycle", Box::new(OneCycleLR::new(0.5, 12))),
        ("warmup_cosine", Box::new(SequentialLR::new(LinearLR::new(0.01, 3)).then(3, CosineAnnealingLR::new(7)))),
    ];
    for (name, schedule) in schedules {
        for (step, expected) in numbers(&golden["schedules_lr_0.1"][name]).into_iter().enumerate() {
            let found = schedule.lr(0.1, step as u64);
            assert!((found - expected).abs() < 1e-12, "{name} at {step}: {found}, not {expected}");
        }
    }
}

/// A blocked weight whose last block is padded, and its gradient, after three steps.
fn stepped(make: Make, layout: Layout) -> (Vec<f64>, f64) {
    let values = |seed: usize| (0..35 * 3).map(|i| ((i * 7 + seed) % 13) as f32 / 13.0 - 0.4).collect();
    let tensor = |seed| Tensor::from_vec(values(seed), [35, 3]).unwrap();
    let parameter = Parameter::new(tensor(1).to_layout(layout).unwrap());
    let mut optimizer = make(vec![parameter.clone()]);
    for seed in 2..5 {
        parameter.zero_grad();
        parameter.accumulate_grad(tensor(seed)).unwrap();
        optimizer.step().unwrap();
    }
    let value = parameter.value();
    assert_eq!(value.layout(), layout);
    let stored: f64 = value.data::<f32>().unwrap().iter().map(|&x| f64::from(x)).sum();
    let values = value.to_f64_vec().unwrap();
    let padding = stored - values.iter().sum::<f64>();
    (values, padding)
}

#[test]
fn blocked_weights_step_as_contiguous_ones_and_keep_their_padding_zero() {
    for (name, make) in CASES {
        let (blocked, padding) = stepped(make, Layout::Blocked);
        assert_eq!(blocked, stepped(make, Layout::Contiguous).0, "{name}");
        assert!(padding.abs() < 1e-9, "{name}: {padding}");
    }
}

#[test]
fn work_shared_among_threads_gives_what_one_thread_gives() {
    let (n, pieces) = (200_000, 20);
    let values: Vec<f32> = (0..n).map(|i| ((i * 7919) % 1000) as f32 / 500.0 - 1.0).collect();
    let grads: Vec<f32> = values.iter().map(|v| v * v - 0.3).collect();
    let stepped = |make: Make, size: usize| -> Vec<f64> {
        let tensor = |part: &[f32]| Tensor::from_slice(part, [part.len()]).unwrap();
        let parameters: Vec<Parameter> = values.chunks(size).map(|part| Parameter::new(tensor(part))).collect();
        let mut optimizer = make(parameters.clone());
        parameters.iter().zip(grads.chunks(size)).for_each(|(p, grad)| p.accumulate_grad(tensor(grad)).unwrap());
        optimizer.step().unwrap();
        optimizer.step().unwrap();
        parameters.iter().flat_map(|p| p.value().to_f64_vec().unwrap()).collect()
    };
    for (name, make) in CASES {
        assert_eq!(stepped(make, n), stepped(make, n / pieces), "{name}");
    }
}

#[test]
fn resuming_from_a_state_dict_goes_on_as_if_nothing_had_happened() {
    for (name, make) in CASES {
        let parameters: Vec<Parameter> = (0..2).map(|_| Parameter::new(Tensor::from_vec(vec![0.5f64, -1.0, 2.0], [3]).unwrap())).collect();
        let gradient = |k: usize| Tensor::from_vec(vec![0.1 * k as f64, -0.3, 0.2], [3]).unwrap();
        let mut straight = make(vec![parameters[0].clone()]);
        let mut resumed = make(vec![parameters[1].clone()]);
        for k in 0..6 {
            if k == 3 {
                let saved = resumed.state_dict().unwrap();
                resumed = make(vec![parameters[1].clone()]);
                resumed.param_groups_mut()[0].lr = 77.0; // must come back from the state
                resumed.load_state_dict(&saved).unwrap();
            }
            for (optimizer, parameter) in [(&mut straight, &parameters[0]), (&mut resumed, &parameters[1])] {
                parameter.zero_grad();
                parameter.accumulate_grad(gradient(k)).unwrap();
                optimizer.step().unwrap();
            }
        }
        let [a, b] = [0, 1].map(|i| parameters[i].value().to_f64_vec().unwrap());
        assert_eq!(a, b, "{name}");
    }
}

#[test]
fn state_that_does_not_fit_is_one_clear_error_and_changes_nothing() {
    let (small, large) = (Linear::new(2, 2), Linear::new(3, 2));
    let after_a_step = |model: &Linear, mut optimizer: Box<dyn Optimizer>| {
        for parameter in model.parameters() {
            parameter.accumulate_grad(parameter.value()).unwrap();
        }
        optimizer.step().unwrap();
        optimizer.state_dict().unwrap()
    };
    let momentum = |model: &Linear| Sgd::new(model.parameters(), 0.1).momentum(0.9);
    let saved = after_a_step(&large, Box::new(momentum(&large)));
    let error = momentum(&small).load_state_dict(&saved).unwrap_err().to_string();
    assert!(error.contains("state.0.momentum_buffer has shape [2, 3] where [2, 2] is needed"), "{error}");
    let adam = after_a_step(&small, Box::new(Adam::new(small.parameters(), 0.1)));
    let mut sgd = momentum(&small);
    let error = sgd.load_state_dict(&adam).unwrap_err().to_string();
    assert!(error.contains("4 of its 10 entries") && sgd.param_groups()[0].momentum == 0.9, "{error}");
    let error = momentum(&small).load_state_dict(&layers::StateDict::new()).unwrap_err().to_string();
    assert!(error.contains("param_groups.0.lr is missing"), "{error}");
}

#[test]
fn parameters_without_a_gradient_and_those_of_others_are_left_alone() {
    let (own, other) = (Linear::new(2, 2), Linear::new(2, 2));
    let before = own.weight.value().to_f64_vec().unwrap();
    let mut optimizer = Sgd::new(own.parameters(), 0.1).weight_decay(0.5);
    optimizer.step().unwrap();
    assert_eq!(own.weight.value().to_f64_vec().unwrap(), before);
    other.weight.accumulate_grad(other.weight.value()).unwrap();
    optimizer.step_parameter(&other.weight).unwrap();
    assert!(other.weight.grad().is_some());
}

#[test]
fn senseless_settings_are_errors_of_the_step() {
    let model = Linear::new(2, 2);
    let p = || model.parameters();
    let cases: [(Box<dyn Optimizer>, &str); 6] = [
        (Box::new(Sgd::new(p(), -1.0)), "SGD: learning rate -1 is not a number of at least 0"),
        (Box::new(Sgd::new(p(), f64::NAN)), "SGD: learning rate NaN"),
        (Box::new(Sgd::new(p(), 0.1).nesterov(true)), "SGD: nesterov needs a momentum"),
        (Box::new(Adam::new(p(), 0.1).betas(0.9, 1.0)), "Adam: betas [0.9, 1.0]"),
        (Box::new(RMSprop::new(p(), 0.1).weight_decay(-0.1)), "RMSprop: weight decay"),
        (Box::new(AdamW::new(p(), 0.1).group(p(), 0.2)), "AdamW: a parameter is listed twice"),
    ];
    for (mut optimizer, text) in cases {
        let error = optimizer.step().unwrap_err().to_string();
        assert!(error.starts_with(text), "{error}");
        assert!(optimizer.step_parameter(&model.weight).is_err());
    }
}
