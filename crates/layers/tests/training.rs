//! Schedules, losses and clipped gradients against PyTorch's numbers (`data/make.py`).

use layers::{
    CrossEntropyLoss, Parameter, Var,
    optim::{
        CosineAnnealingLR, ExponentialLR, LinearLR, MultiStepLR, OneCycleLR, Optimizer, PolynomialLR, ReduceLROnPlateau, Schedule, Sgd,
        clip_grad_norm,
    },
};
use serde_json::Value;
use tensor::{Layout, Tensor, ops::Reduction};

fn pytorch() -> Value {
    serde_json::from_str(include_str!("data/training.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn assert_near(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near, "{what}: {found:?}, not {expected:?}");
}

fn scalar(value: f64) -> Parameter {
    Parameter::new(Tensor::from_vec(vec![value], [1]).unwrap())
}

#[test]
fn schedules_are_pytorchs() {
    let cases: [(&str, &[f64], Box<dyn Schedule>); 6] = [
        ("multistep", &[0.1], Box::new(MultiStepLR::new([3, 7]).gamma(0.2))),
        ("exponential", &[0.1], Box::new(ExponentialLR::new(0.9))),
        ("polynomial", &[0.1], Box::new(PolynomialLR::new(10).power(2.0))),
        ("linear", &[0.1], Box::new(LinearLR::new(1.0, 8).end_factor(0.1))),
        ("cosine_eta_min", &[0.1], Box::new(CosineAnnealingLR::new(12).eta_min(0.01))),
        ("onecycle_groups", &[0.5, 0.05], Box::new(OneCycleLR::to_own_lr(12))),
    ];
    let expected = &pytorch()["schedules"];
    for (name, rates, schedule) in cases {
        let first = Sgd::new(vec![scalar(0.0)], rates[0]);
        let mut optimizer = rates[1..].iter().fold(first, |optimizer, &lr| optimizer.group(vec![scalar(0.0)], lr));
        for (group, expected) in expected[name].as_array().unwrap().iter().enumerate() {
            let rate = |step| {
                schedule.apply(&mut optimizer, step);
                optimizer.param_groups()[group].lr
            };
            assert_near(&(0..12).map(rate).collect::<Vec<_>>(), &numbers(expected), name);
        }
    }
}

#[test]
fn plateaus_are_pytorchs() {
    let plateaus = &pytorch()["plateaus"];
    // JSON has no infinity.
    let losses: Vec<f64> = plateaus["losses"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap_or(f64::INFINITY)).collect();
    for case in plateaus["cases"].as_array().unwrap() {
        let options = case["options"].as_object().unwrap().iter();
        let mut plateau = options.fold(ReduceLROnPlateau::new(), |plateau, (name, value)| match name.as_str() {
            "factor" => plateau.factor(value.as_f64().unwrap()),
            "patience" => plateau.patience(value.as_u64().unwrap()),
            "threshold" => plateau.threshold(value.as_f64().unwrap()),
            "cooldown" => plateau.cooldown(value.as_u64().unwrap()),
            "min_lr" => plateau.min_lr(value.as_f64().unwrap()),
            "eps" => plateau.eps(value.as_f64().unwrap()),
            _ => panic!("no test knows {name}"),
        });
        let groups = numbers(&case["groups"]);
        for (epoch, (&loss, expected)) in losses.iter().zip(case["rates"].as_array().unwrap()).enumerate() {
            // One that remembers the same goes on the same.
            plateau = plateau.resume(plateau.state());
            plateau.step(loss);
            let found: Vec<f64> = groups.iter().map(|&lr| plateau.lr(lr)).collect();
            assert_near(&found, &numbers(expected), &format!("{}, epoch {epoch}", case["options"]));
        }
    }
}

#[test]
fn weighted_losses_and_their_gradients_are_pytorchs() {
    let expected = &pytorch()["losses"];
    let matrix = |name: &str| Tensor::from_vec(numbers(&expected[name]), [4, 3]).unwrap();
    let classes: Vec<i64> = expected["classes"].as_array().unwrap().iter().map(|x| x.as_i64().unwrap()).collect();
    let classes = Tensor::from_vec(classes, [4]).unwrap();
    let probabilities = matrix("probabilities");
    let weighted = || CrossEntropyLoss::new().weight(numbers(&expected["weight"]));
    let smoothed = || weighted().label_smoothing(0.1);
    type Forward<'a> = Box<dyn Fn(&Var) -> layers::Result<Var> + 'a>;
    let cases: [(&str, Forward<'_>); 5] = [
        ("weighted", Box::new(|x| weighted().forward(x, &classes))),
        ("weighted_smoothed", Box::new(|x| smoothed().forward(x, &classes))),
        ("weighted_smoothed_sum", Box::new(|x| smoothed().reduction(Reduction::Sum).forward(x, &classes))),
        ("probabilities", Box::new(|x| CrossEntropyLoss::new().forward_probabilities(x, &probabilities))),
        ("probabilities_weighted_smoothed", Box::new(|x| smoothed().forward_probabilities(x, &probabilities))),
    ];
    for (name, forward) in cases {
        let logits = Parameter::new(matrix("logits"));
        let loss = forward(&logits.var()).unwrap();
        loss.backward().unwrap();
        let case = &expected["cases"][name];
        assert_near(&[loss.item().unwrap()], &[case["loss"].as_f64().unwrap()], name);
        assert_near(&logits.grad().unwrap().to_f64_vec().unwrap(), &numbers(&case["gradient"]), name);
    }
}

#[test]
fn probabilities_of_one_are_classes() {
    let logits = Var::from(Tensor::from_vec(vec![1f32, 2.0, 0.5, -1.0, 0.0, 1.0], [2, 3]).unwrap());
    let classes = Tensor::from_vec(vec![1i64, 0], [2]).unwrap();
    let loss = CrossEntropyLoss::new().label_smoothing(0.2);
    let by_class = loss.forward(&logits, &classes).unwrap().item().unwrap();
    let by_probability = loss.forward_probabilities(&logits, &layers::one_hot(&classes, 3).unwrap()).unwrap().item().unwrap();
    assert!((by_class - by_probability).abs() < 1e-6, "{by_class} {by_probability}");
}

#[test]
fn weights_and_probabilities_that_do_not_fit_are_errors() {
    let logits = Var::from(Tensor::from_vec(vec![0f32; 6], [2, 3]).unwrap());
    let classes = |last| Tensor::from_vec(vec![0i64, last], [2]).unwrap();
    let error = CrossEntropyLoss::new().weight([1.0; 2]).forward(&logits, &classes(1)).unwrap_err().to_string();
    assert!(error.contains("2 weights for 3 classes"), "{error}");
    let error = CrossEntropyLoss::new().weight([1.0; 3]).forward(&logits, &classes(3)).unwrap_err().to_string();
    assert!(error.contains("class 3 at position 1"), "{error}");
    let transposed = Tensor::from_vec(vec![0f32; 6], [3, 2]).unwrap();
    let error = CrossEntropyLoss::new().forward_probabilities(&logits, &transposed).unwrap_err().to_string();
    assert!(error.contains("a probability is needed"), "{error}");
}

#[test]
fn gradients_are_clipped_as_by_pytorch() {
    let expected = &pytorch()["clipped"];
    let gradients = |key: &str| expected[key].as_array().unwrap().iter().map(numbers).collect::<Vec<_>>();
    let parameters: Vec<Parameter> = gradients("before")
        .into_iter()
        .map(|gradient| {
            let tensor = Tensor::from_slice(&gradient, [gradient.len()]).unwrap();
            let parameter = Parameter::new(tensor.zeros_like().unwrap());
            parameter.accumulate_grad(tensor).unwrap();
            parameter
        })
        .collect();
    let found = || parameters.iter().map(|p| p.grad().unwrap().to_f64_vec().unwrap());
    let norm = clip_grad_norm(&parameters, 100.0).unwrap();
    assert_near(&[norm], &[expected["norm"].as_f64().unwrap()], "norm");
    assert!(found().eq(gradients("before")), "a norm below the largest stays");
    clip_grad_norm(&parameters, expected["max_norm"].as_f64().unwrap()).unwrap();
    found().zip(gradients("gradients")).for_each(|(found, expected)| assert_near(&found, &expected, "clipped"));
}

#[test]
fn the_norm_of_a_blocked_gradient_is_that_of_its_values() {
    let values: Vec<f32> = (0..35 * 3).map(|i| i as f32 / 100.0).collect();
    let expected = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let gradient = Tensor::from_vec(values, [35, 3]).unwrap().to_layout(Layout::Blocked).unwrap();
    let parameter = Parameter::new(gradient.zeros_like().unwrap());
    parameter.accumulate_grad(gradient).unwrap();
    let norm = clip_grad_norm(std::slice::from_ref(&parameter), 1.0).unwrap();
    assert!((norm - expected).abs() < 1e-5 * expected, "{norm}, not {expected}");
    assert_eq!(parameter.grad().unwrap().layout(), Layout::Blocked);
}
